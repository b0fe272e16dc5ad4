#include "core/grpc/channel.hpp"

#include <absl/synchronization/mutex.h>
#include <grpcpp/grpcpp.h>

#include <mutex>
#include <set>

#include "dataprovider.grpc.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace operon::grpc_client {
namespace {

constexpr int reconnect_ms_first = 200, reconnect_ms_max = 1'000;
/// A call on a connection whose peer is gone ends after this and not only at its deadline. Not without calls: servers count idle pings.
constexpr int keep_alive_ms = 20'000, keep_alive_timeout_ms = 5'000;
constexpr int answer_bytes_max = 4 << 20;

class GrpcChannel final : public Channel {
 public:
  explicit GrpcChannel(const char* address) {
    // Debian's build looks for deadlocks at every lock of gRPC's.
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, reconnect_ms_first);
    arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, reconnect_ms_max);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, reconnect_ms_max);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, keep_alive_ms);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, keep_alive_timeout_ms);
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);  // requests carry kubeconfigs: never by a proxy of the environment
    arguments.SetServiceConfigJSON("{}");
    arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
    arguments.SetMaxReceiveMessageSize(answer_bytes_max);
    channel_ = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
    nodes_ = dataprovider::DataProviderService::NewStub(channel_);
    health_ = grpc::health::v1::Health::NewStub(channel_);
  }

  CallEnd get_nodes(std::string_view kubeconfig_base64, std::chrono::milliseconds timeout,
                    std::vector<std::string>& names) noexcept override {
    return call(timeout, [&](grpc::ClientContext& context) {
      dataprovider::GetNodesRequest request;
      dataprovider::GetNodesResponse response;
      request.set_kubeconfig_base64(kubeconfig_base64.data(), kubeconfig_base64.size());
      const grpc::Status status = nodes_->GetNodes(&context, request, &response);
      if (status.ok()) names.assign(response.nodes().begin(), response.nodes().end());
      return status;
    });
  }

  CallEnd check_health(std::chrono::milliseconds timeout, bool& serving) noexcept override {
    serving = false;
    // Without somebody who waits, gRPC looks at a connection in the making every 5 s only. Whether it worked, the call says in better
    // words.
    channel_->WaitForConnected(std::chrono::system_clock::now() + timeout);
    return call(timeout, [&](grpc::ClientContext& context) {
      grpc::health::v1::HealthCheckRequest request;
      grpc::health::v1::HealthCheckResponse response;
      request.set_service(dataprovider::DataProviderService::service_full_name());
      const grpc::Status status = health_->Check(&context, request, &response);
      serving = status.ok() && response.status() == grpc::health::v1::HealthCheckResponse::SERVING;
      return status;
    });
  }

  void cancel_all() noexcept override {
    std::lock_guard lock(mutex_);
    cancelled_ = true;
    for (auto* context : active_) context->TryCancel();
  }

 private:
  template <class Work>
  CallEnd call(std::chrono::milliseconds timeout, Work&& work) noexcept {
    try {
      grpc::ClientContext context;
      context.set_deadline(std::chrono::system_clock::now() + timeout);
      {
        std::lock_guard lock(mutex_);
        if (cancelled_) return {OPERON_CANCELLED, "the host is stopping"};
        active_.insert(&context);
      }
      const grpc::Status status = work(context);
      std::lock_guard lock(mutex_);
      active_.erase(&context);
      return {static_cast<int>(status.error_code()), status.error_message()};
    } catch (const std::exception& e) {
      return {OPERON_INTERNAL, e.what()};
    }
  }

  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<dataprovider::DataProviderService::Stub> nodes_;
  std::unique_ptr<grpc::health::v1::Health::Stub> health_;
  std::mutex mutex_;
  std::set<grpc::ClientContext*> active_;
  bool cancelled_ = false;
};

}  // namespace
}  // namespace operon::grpc_client

extern "C" __attribute__((visibility("default"))) operon::grpc_client::Channel* operon_grpc_open_channel(const char* address) {
  try {
    return new operon::grpc_client::GrpcChannel(address);
  } catch (const std::exception&) {
    return nullptr;
  }
}
