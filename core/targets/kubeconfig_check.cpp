#include "core/targets/kubeconfig_check.hpp"

#include "core/base/text.hpp"
#include "operon/error.hpp"
#include "operon/kubeconfig/kubeconfig.hpp"

namespace operon::targets {

void check_kubeconfig(const std::string& text, const std::string& cluster_name) {
  // What a provider's administrator configured may run credential helpers; it must be self-contained, since it leaves this machine.
  const kubeconfig::Trust trust{.exec = true, .files = false, .link_local = true};
  const std::string name = "kubeconfig of cluster '" + base::printable(cluster_name) + "'";
  try {
    if (text.find_first_not_of(" \t\r\n") == std::string::npos) throw Error(Code::failed_precondition, name + " is empty");
    if (kubeconfig::Kubeconfig::parse(text, name, trust).contexts().empty())
      throw Error(Code::failed_precondition, name + " has no context");
  } catch (const Error& e) {
    throw Error(Code::failed_precondition, e.what());
  }
}

}  // namespace operon::targets
