#include "core/app/operond/kubernetes.hpp"

#include "core/kube/config.hpp"

namespace operon::app {
namespace {

class Kubernetes final : public base::Service {
 public:
  Kubernetes(std::shared_ptr<ClusterConnection> connection, kube::PermissionsOf permissions)
      : connection_(std::move(connection)), permissions_(std::move(permissions)) {}

  std::string_view id() const noexcept override { return "operon.host.kube/1"; }
  void invoke(std::shared_ptr<base::ServiceCall> call) override { service()->invoke(std::move(call)); }

 private:
  std::shared_ptr<base::Service> service() {
    std::lock_guard lock(mutex_);
    if (!service_) service_ = kube::make_kube_service(connection_->client(), permissions_);
    return service_;
  }

  const std::shared_ptr<ClusterConnection> connection_;
  const kube::PermissionsOf permissions_;
  std::mutex mutex_;
  std::shared_ptr<base::Service> service_;
};

}  // namespace

std::shared_ptr<kube::Client> ClusterConnection::client() {
  std::lock_guard lock(mutex_);
  if (client_) return client_;
  try {
    auto cluster = kube::resolve({.kubeconfig = settings_.kubeconfig, .context = settings_.context});
    if (!settings_.name_space.empty()) cluster.name_space = settings_.name_space;
    client_ = std::make_shared<kube::Client>(std::move(cluster));
    return client_;
  } catch (const Error& e) {
    if (e.code() != Code::not_found) throw;
    // "Not found" would be taken for the object that was asked for.
    throw Error(Code::failed_precondition, e.what()).with_reason("NoCluster");
  }
}

std::shared_ptr<base::Service> make_kubernetes_service(std::shared_ptr<ClusterConnection> connection, kube::PermissionsOf permissions) {
  return std::make_shared<Kubernetes>(std::move(connection), std::move(permissions));
}

}  // namespace operon::app
