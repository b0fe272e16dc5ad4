#include "core/base/clock_service.hpp"

namespace operon::base {
namespace {

class ClockService final : public Service {
 public:
  explicit ClockService(Clock& clock) : clock_(clock) {}
  std::string_view id() const noexcept override { return "operon.host.clock/1"; }

  void invoke(std::shared_ptr<ServiceCall> call) override {
    if (call->verb() != "now") throw Error(Code::unimplemented, "operon.host.clock/1 has no verb '" + std::string(call->verb()) + "', only 'now'");
    auto steady_ms = std::chrono::duration_cast<std::chrono::milliseconds>(clock_.steady().time_since_epoch()).count();
    call->reply("{\"unixMs\":" + std::to_string(clock_.unix_ms()) + ",\"steadyMs\":" + std::to_string(steady_ms) + "}");
  }

 private:
  Clock& clock_;
};

}  // namespace

std::shared_ptr<Service> make_clock_service(Clock& clock) {
  return std::make_shared<ClockService>(clock);
}

}  // namespace operon::base
