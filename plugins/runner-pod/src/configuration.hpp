/// configuration.hpp: an instance's settings (schema.json says what each means).
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace operon::runner_pod {

struct Configuration {
  std::string name_space;  ///< empty = the host's
  std::string service_account = "krkn-operator-krkn-scenario-runner";
  bool automount_token = false;
  std::string image_pull_policy = "Always";
  bool kubeconfig_in_secret = false;
  int64_t active_deadline_seconds = 6 * 3600;
  nlohmann::json resources = {{"requests", {{"cpu", "100m"}, {"memory", "128Mi"}}}, {"limits", {{"memory", "1Gi"}}}};
  std::vector<std::string> capabilities;
  nlohmann::json node_selector = nlohmann::json::object();
  nlohmann::json tolerations = nlohmann::json::array();
};

Configuration read_configuration(const nlohmann::json& json);

}  // namespace operon::runner_pod
