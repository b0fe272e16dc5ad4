#include "core/app/operond/data_provider.hpp"

#include <algorithm>
#include <memory>

#include "core/log/log.hpp"
#include "operon/error.hpp"
#ifdef OPERON_GRPC
#include "core/grpc/data_provider.hpp"
#endif

namespace operon::app {
namespace {

constexpr const char* address_on_a_cluster = "localhost:50051";

#ifdef OPERON_GRPC
/// Threads that wait for nodes answer nothing else: some are left whoever hangs.
std::shared_ptr<grpc_client::DataProvider> connect(const std::string& address, unsigned worker_threads_max) {
  grpc_client::DataProviderSettings settings;
  settings.address = address;
  settings.calls_max = std::max(1U, worker_threads_max * 3 / 4);
  settings.calls_per_cluster_max = std::max(1U, worker_threads_max / 2);
  return std::make_shared<grpc_client::DataProvider>(settings);
}
#endif

}  // namespace

std::function<std::vector<std::string>(const std::string&)> connect_data_provider(const config::Settings& settings, Readiness& readiness) {
  std::string address = settings.data_provider_address;
  if (address.empty() && settings.targets.store == "kubernetes") address = address_on_a_cluster;
  if (address.empty()) return {};
  std::string why;
#ifdef OPERON_GRPC
  try {
    auto provider = connect(address, static_cast<unsigned>(settings.rest.worker_threads_max));
    readiness.add_remark("data provider", [provider] { return provider->trouble(); });
    return [provider](const std::string& kubeconfig) { return provider->nodes(kubeconfig); };
  } catch (const Error& e) {
    why = e.what();
  }
#else
  why = "this operond was built without gRPC (OPERON_GRPC)";
#endif
  log::error("no data provider: nodes cannot be listed", {{"address", address}, {"error", why}});
  readiness.add_remark("data provider", [why] { return why; });
  return [why](const std::string&) -> std::vector<std::string> { throw Error(Code::unavailable, why); };
}

}  // namespace operon::app
