#include "health.hpp"

#include <grpcpp/support/async_stream.h>

namespace operon::data_provider {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

class HealthService::Check final : public UnaryRpc<HealthCheckRequest, HealthCheckResponse> {
 public:
  static void wait(HealthService& health, EventQueue& queue) {
    auto* check = new Check(health, queue);
    health.service_.RequestCheck(&check->context_, &check->request_, &check->writer_, queue.get(), queue.get(), check->begun());
  }

 private:
  Check(HealthService& health, EventQueue& queue) : UnaryRpc(queue), health_(health) {}

  void renew() override { wait(health_, queue_); }
  void work() override {
    const auto status = health_.status(request_.service());
    if (status == HealthCheckResponse::SERVICE_UNKNOWN) return answer({grpc::StatusCode::NOT_FOUND, "service name unknown"});
    response_.set_status(status);
    answer(grpc::Status::OK);
  }

  HealthService& health_;
};

/// Until its caller goes or the server is shut down.
class HealthService::Watch final : public Rpc {
 public:
  static void wait(HealthService& health, EventQueue& queue) {
    auto* watch = new Watch(health, queue);
    health.service_.RequestWatch(&watch->context_, &watch->request_, &watch->writer_, queue.get(), queue.get(), watch->begun());
  }

  /// Of a change, at once or when the one before is on its way: only the last one counts.
  void tell(Status status) {
    wanted_ = status;
    if (writing_ || wanted_ == told_) return;
    HealthCheckResponse response;
    response.set_status(wanted_);
    told_ = wanted_;
    writing_ = true;
    writer_.Write(response, expect(written_));
  }

 private:
  Watch(HealthService& health, EventQueue& queue) : Rpc(queue), health_(health) {}
  ~Watch() override {
    if (entered_) health_.streams_.leave();
  }

  void renew() override { wait(health_, queue_); }
  void begin() override {
    try {
      health_.streams_.enter();
      entered_ = true;
    } catch (const Error& e) {
      return writer_.Finish(status_of(e), expect(finished_));
    }
    health_.watches_.insert(this);
    tell(health_.status(request_.service()));
  }
  void cancel() override { health_.watches_.erase(this); }

  void on_written(bool ok) {
    writing_ = false;
    if (ok) tell(wanted_);
    handled();
  }
  void on_finished(bool) { handled(); }

  HealthService& health_;
  HealthCheckRequest request_;
  grpc::ServerAsyncWriter<HealthCheckResponse> writer_{&context_};
  EventOf<Watch> written_{*this, &Watch::on_written}, finished_{*this, &Watch::on_finished};
  Status wanted_ = HealthCheckResponse::UNKNOWN, told_ = HealthCheckResponse::UNKNOWN;
  bool entered_ = false, writing_ = false;
};

HealthService::HealthService(std::set<std::string> names, CallGate& streams) : names_(std::move(names)), streams_(streams) {}

HealthService::~HealthService() = default;

void HealthService::serve(EventQueue& queue) {
  Check::wait(*this, queue);
  Watch::wait(*this, queue);
}

HealthService::Status HealthService::status(const std::string& name) const {
  if (!name.empty() && !names_.contains(name)) return HealthCheckResponse::SERVICE_UNKNOWN;
  return serving_ ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
}

void HealthService::stop_serving() {
  serving_ = false;
  for (Watch* watch : watches_) watch->tell(HealthCheckResponse::NOT_SERVING);
}

}  // namespace operon::data_provider
