#include "core/plugin/executor_service.hpp"

#include <nlohmann/json.hpp>

#include "core/base/json.hpp"

namespace operon::plugin {

void ExecutorService::invoke(std::shared_ptr<base::ServiceCall> call) {
  if (call->verb() != "sleep") {
    throw Error(Code::unimplemented, "operon.host.executor/1 has no verb '" + std::string(call->verb().substr(0, 64)) + "'; it has: sleep");
  }
  nlohmann::json request = base::parse_json(call->request_json());
  auto ms = request.is_object() ? request.find("ms") : request.end();
  if (ms == request.end() || !ms->is_number_integer() || ms->get<int64_t>() < 0 || ms->get<int64_t>() > sleep_ms_max) {
    throw Error(Code::invalid_argument,
                "operon.host.executor/1 sleep: ms is not a number of milliseconds from 0 to " + std::to_string(sleep_ms_max))
        .with_field("ms");
  }
  auto at = std::chrono::steady_clock::now() + std::chrono::milliseconds(ms->get<int64_t>());
  Timers::Id timer = timers_->add(at, [call] { call->reply("{}"); });
  if (timer == 0) throw Error(Code::unavailable, "operon.host.executor/1 sleep: the host is stopping");
  // Weak: the call owns this function, which must not own the call.
  call->on_cancel([timers = timers_, timer, weak = std::weak_ptr(call)] {
    auto alive = weak.lock();
    if (timers->cancel(timer) && alive) alive->fail(Error(Code::cancelled, "operon.host.executor/1 sleep: cancelled"));
  });
}

}  // namespace operon::plugin
