#include "configuration.hpp"

#include "operon/members.hpp"

namespace operon::runner_pod {

Configuration read_configuration(const nlohmann::json& json) {
  Configuration c;
  std::string storage = "configmap";
  members::expect_object(json);
  members::read(json, "namespace", c.name_space);
  members::read(json, "serviceAccount", c.service_account);
  members::read(json, "automountServiceAccountToken", c.automount_token);
  members::read(json, "imagePullPolicy", c.image_pull_policy);
  members::read(json, "kubeconfigStorage", storage);
  members::read(json, "activeDeadlineSeconds", c.active_deadline_seconds);
  members::read(json, "resources", c.resources);
  members::read(json, "capabilities", c.capabilities);
  members::read(json, "nodeSelector", c.node_selector);
  members::read(json, "tolerations", c.tolerations);
  c.kubeconfig_in_secret = storage == "secret";
  return c;
}

}  // namespace operon::runner_pod
