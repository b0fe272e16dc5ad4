#include "core/app/operond/kubernetes.hpp"

#include <mutex>

#include "core/kube/client.hpp"
#include "core/kube/config.hpp"

namespace operon::app {
namespace {

class Kubernetes final : public base::Service {
 public:
  Kubernetes(config::KubernetesSettings settings, kube::PermissionsOf permissions)
      : settings_(std::move(settings)), permissions_(std::move(permissions)) {}

  std::string_view id() const noexcept override { return "operon.host.kube/1"; }
  void invoke(std::shared_ptr<base::ServiceCall> call) override { connected()->invoke(std::move(call)); }

 private:
  std::shared_ptr<base::Service> connected() {
    std::lock_guard lock(mutex_);
    if (service_) return service_;
    auto cluster = choose();
    if (!settings_.name_space.empty()) cluster.name_space = settings_.name_space;
    service_ = kube::make_kube_service(std::make_shared<kube::Client>(std::move(cluster)), permissions_);
    return service_;
  }

  kube::ClusterConfig choose() const {
    try {
      return kube::resolve({.kubeconfig = settings_.kubeconfig, .context = settings_.context});
    } catch (const Error& e) {
      if (e.code() != Code::not_found) throw;
      // "Not found" would be taken for the object that was asked for.
      throw Error(Code::failed_precondition, e.what()).with_reason("NoCluster");
    }
  }

  const config::KubernetesSettings settings_;
  const kube::PermissionsOf permissions_;
  std::mutex mutex_;
  std::shared_ptr<base::Service> service_;
};

}  // namespace

std::shared_ptr<base::Service> make_kubernetes_service(config::KubernetesSettings settings, kube::PermissionsOf permissions) {
  return std::make_shared<Kubernetes>(std::move(settings), std::move(permissions));
}

}  // namespace operon::app
