/// core/app/operond/kubernetes.hpp: the cluster that the host itself works on, for a host that may never need one.
#pragma once

#include <memory>
#include <mutex>

#include "core/base/service.hpp"
#include "core/config/settings.hpp"
#include "core/kube/client.hpp"
#include "core/kube/kube_service.hpp"

namespace operon::app {

/// Thread-safe. Looks for the cluster when somebody first asks, and again with every question until there is one.
class ClusterConnection {
 public:
  explicit ClusterConnection(config::KubernetesSettings settings) : settings_(std::move(settings)) {}

  /// Throws Error(failed_precondition), reason `NoCluster`, naming every place that was looked at.
  std::shared_ptr<kube::Client> client();

 private:
  const config::KubernetesSettings settings_;
  std::mutex mutex_;
  std::shared_ptr<kube::Client> client_;
};

/// operon.host.kube/1 over that connection.
std::shared_ptr<base::Service> make_kubernetes_service(std::shared_ptr<ClusterConnection>, kube::PermissionsOf);

}  // namespace operon::app
