/// core/targets/kubeconfig_check.hpp: is what a provider handed out a kubeconfig?
#pragma once

#include <string>

namespace operon::targets {

/// Throws Error(failed_precondition) naming the cluster, never quoting the text.
void check_kubeconfig(const std::string& text, const std::string& cluster_name);

}  // namespace operon::targets
