/// core/app/operond/kubernetes.hpp: operon.host.kube/1 for a host that may never need a cluster.
#pragma once

#include <memory>

#include "core/base/service.hpp"
#include "core/config/settings.hpp"
#include "core/kube/kube_service.hpp"

namespace operon::app {

/// Looks for the cluster when a plugin first asks, and again with every question until there is one: FAILED_PRECONDITION with the reason
/// `NoCluster` until then, naming every place that was looked at.
std::shared_ptr<base::Service> make_kubernetes_service(config::KubernetesSettings, kube::PermissionsOf);

}  // namespace operon::app
