#include "server.hpp"

#include <absl/synchronization/mutex.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/impl/codegen/service_type.h>
#include <grpcpp/resource_quota.h>
#include <sys/stat.h>

#include "core/log/log.hpp"
#include "operon/error.hpp"
#include "service.hpp"

namespace operon::data_provider {
namespace {

constexpr int threads_max = 8;                   // of gRPC's own for reflection; calls are answered by callbacks and need none
constexpr size_t buffers_bytes_max = 64u << 20;  // gRPC's: it reads slower when they fill
constexpr int header_bytes_max = 16 << 10;
constexpr int streams_per_connection_max = 64;
constexpr int ping_interval_ms_min = 5'000;  // a client's keep-alive pings may come this often
constexpr auto flush_ms_max = std::chrono::milliseconds(500);
constexpr mode_t socket_mask = 0117;  // a Unix socket is for its owner and group

/// An address that others than this machine reach has no business being open by accident.
void warn_when_open(const std::string& address) {
  const std::string host = address.substr(0, address.rfind(':'));
  if (address.starts_with("unix:") || host == "localhost" || host.starts_with("127.") || host == "[::1]") return;
  log::warn("requests carry kubeconfigs, and this address takes them unencrypted from other machines", {{"address", address}});
}

void configure(grpc::ServerBuilder& builder, const Options& options) {
  grpc::ResourceQuota quota("data-provider");
  quota.Resize(buffers_bytes_max).SetMaxThreads(threads_max);
  builder.SetResourceQuota(quota);
  builder.SetMaxReceiveMessageSize(static_cast<int>(options.calls.request_bytes_max));
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 1);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // two of them on one port would share its calls
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, header_bytes_max);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, streams_per_connection_max);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, ping_interval_ms_min);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
}

}  // namespace

struct Server::Impl {
  explicit Impl(const Options& options) : provider(options), service(make_service(provider)) {
    // Debian's build looks for deadlocks at every lock of gRPC's: a tenth of a call.
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    grpc::ServerBuilder builder;
    configure(builder, options);
    std::vector<int> ports(options.listen.size());
    for (size_t i = 0; i < ports.size(); ++i) {
      warn_when_open(options.listen[i]);
      builder.AddListeningPort(options.listen[i], grpc::InsecureServerCredentials(), &ports[i]);
    }
    builder.RegisterService(service.get());
    const mode_t before = umask(socket_mask);
    server = builder.BuildAndStart();
    umask(before);
    for (size_t i = 0; i < ports.size(); ++i) {
      if (ports[i] == 0)
        throw Error(Code::unavailable, options.listen[i] + ": cannot listen there; is the address in use, or the folder not there?");
      log::info("listening", {{"address", options.listen[i]}, {"port", std::to_string(ports[i])}});
    }
    if (!server) throw Error(Code::unavailable, "the gRPC server cannot be started");
    server->GetHealthCheckService()->SetServingStatus(service_name, true);
  }

  Provider provider;
  std::unique_ptr<grpc::Service> service;
  std::unique_ptr<grpc::Server> server;
};

Server::Server(const Options& options) : impl_(std::make_unique<Impl>(options)) {}

Server::~Server() {
  impl_->server->Shutdown(std::chrono::system_clock::now());
  impl_->server->Wait();
  // Threads of kubectl calls whose answer is gone already.
  impl_->provider.kubectl_gate.close(std::chrono::steady_clock::time_point::max());
}

void Server::drain() {
  impl_->server->GetHealthCheckService()->Shutdown();
  const bool all_ended = impl_->provider.gate.close(std::chrono::steady_clock::now() + impl_->provider.options.drain);
  if (!all_ended) log::warn("calls are cut off: they took longer than the drain time");
  // Answers on their way are let out; watchers of the health service would stay for ever.
  impl_->server->Shutdown(std::chrono::system_clock::now() + (all_ended ? flush_ms_max : std::chrono::milliseconds(0)));
}

}  // namespace operon::data_provider
