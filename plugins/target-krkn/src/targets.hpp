/// targets.hpp: KrknOperatorTarget objects and the Secrets beside them, as values. No calls here.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace target_krkn {

struct Target {
  std::string name;     ///< of the object
  std::string created;  ///< RFC 3339
  int64_t generation = 0;
  std::string cluster_name;
  std::string api_url;      ///< may be empty where a kubeconfig is given
  std::string secret_type;  ///< "kubeconfig", "token" or "credentials"
  std::string secret_name;
  std::string ca_bundle;  ///< base64 or PEM; may be empty
  bool insecure = false;
  nlohmann::json status;  ///< null when there is none yet
};

/// Throws Error(invalid_argument) saying which field is wrong.
Target read_target(const nlohmann::json& object);

/// Oldest first. Of several with one cluster name the oldest stays; `on_double` is told of the others.
std::vector<Target> one_of_a_name(std::vector<Target>, const std::function<void(const Target&)>& on_double);

/// A self-contained kubeconfig with one context, out of the target and its Secret. Users wrote both: no programs and no paths are accepted,
/// and link-local servers only where `link_local` says so. Throws Error(failed_precondition) with what is wrong and nothing of the content.
std::string kubeconfig_of(const Target&, const nlohmann::json& secret, bool link_local);

/// The JSON merge patch that makes the object say `fault` (empty: ready); null when it says so already. `now` is RFC 3339.
nlohmann::json status_patch(const Target&, const std::string& fault, const std::string& now);

}  // namespace target_krkn
