#include "server.hpp"

#include <absl/synchronization/mutex.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/resource_quota.h>
#include <sys/stat.h>

#include <array>

#include "core/log/log.hpp"
#include "event_queue.hpp"
#include "health.hpp"
#include "operon/error.hpp"
#include "reflection.hpp"
#include "service.hpp"

namespace operon::data_provider {
namespace {

constexpr size_t buffers_bytes_max = 64u << 20;  // gRPC's: it reads slower when they fill
constexpr int header_bytes_max = 16 << 10;
constexpr int streams_per_connection_max = 64;
constexpr int ping_interval_ms_min = 5'000;  // a client's keep-alive pings may come this often
constexpr auto flush_ms_max = std::chrono::milliseconds(500);
constexpr const char* health_name = "grpc.health.v1.Health";
constexpr const char* reflection_name = "grpc.reflection.v1alpha.ServerReflection";
constexpr mode_t socket_mask = 0117;  // a Unix socket is for its owner and group

/// An address that others than this machine reach has no business being open by accident.
void warn_when_open(const std::string& address) {
  const std::string host = address.substr(0, address.rfind(':'));
  if (address.starts_with("unix:") || host == "localhost" || host.starts_with("127.") || host == "[::1]") return;
  log::warn("requests carry kubeconfigs, and this address takes them unencrypted from other machines", {{"address", address}});
}

void configure(grpc::ServerBuilder& builder, const Options& options) {
  grpc::ResourceQuota quota("data-provider");
  quota.Resize(buffers_bytes_max);
  builder.SetResourceQuota(quota);
  builder.SetMaxReceiveMessageSize(static_cast<int>(options.calls.request_bytes_max));
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // two of them on one port would share its calls
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, header_bytes_max);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, streams_per_connection_max);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, ping_interval_ms_min);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
}

}  // namespace

/// gRPC's own health and reflection services would bring threads that take events away from the queue's: ours come by the queue.
struct Server::Impl {
  explicit Impl(const Options& options)
      : provider(options),
        calls(make_service(provider)),
        health({service_name}, provider.streams_gate),
        reflection({service_name, reflection_name, health_name}, provider.streams_gate) {
    // Debian's build looks for deadlocks at every lock of gRPC's: a tenth of a call.
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
    grpc::ServerBuilder builder;
    configure(builder, options);
    std::vector<int> ports(options.listen.size());
    for (size_t i = 0; i < ports.size(); ++i) {
      warn_when_open(options.listen[i]);
      builder.AddListeningPort(options.listen[i], grpc::InsecureServerCredentials(), &ports[i]);
    }
    for (Served* one : all()) builder.RegisterService(&one->service());
    queue = std::make_unique<EventQueue>(builder.AddCompletionQueue(), options.eagerness);
    const mode_t before = umask(socket_mask);
    server = builder.BuildAndStart();
    umask(before);
    for (size_t i = 0; i < ports.size(); ++i) {
      if (ports[i] == 0)
        throw Error(Code::unavailable, options.listen[i] + ": cannot listen there; is the address in use, or the folder not there?");
      log::info("listening", {{"address", options.listen[i]}, {"port", std::to_string(ports[i])}});
    }
    if (!server) throw Error(Code::unavailable, "the gRPC server cannot be started");
    queue->post([this] {
      for (Served* one : all()) one->serve(*queue);
    });
  }

  std::array<Served*, 3> all() { return {calls.get(), &health, &reflection}; }

  // gRPC wants the queue to outlive the server, and the server to outlive the calls.
  Provider provider;
  std::unique_ptr<Served> calls;
  HealthService health;
  ReflectionService reflection;
  std::unique_ptr<EventQueue> queue;
  std::unique_ptr<grpc::Server> server;
};

Server::Server(const Options& options) : impl_(std::make_unique<Impl>(options)) {}

Server::~Server() {
  impl_->server->Shutdown(std::chrono::system_clock::now());
  impl_->queue->stop();
  // Threads of kubectl calls whose answer is gone already.
  impl_->provider.kubectl_gate.close(std::chrono::steady_clock::time_point::max());
}

void Server::drain() {
  impl_->queue->post([this] { impl_->health.stop_serving(); });
  const bool all_ended = impl_->provider.gate.close(std::chrono::steady_clock::now() + impl_->provider.options.drain);
  if (!all_ended) log::warn("calls are cut off: they took longer than the drain time");
  // Answers on their way are let out; watchers of the health service would stay for ever.
  impl_->server->Shutdown(std::chrono::system_clock::now() + (all_ended ? flush_ms_max : std::chrono::milliseconds(0)));
}

}  // namespace operon::data_provider
