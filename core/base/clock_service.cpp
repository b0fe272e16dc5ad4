#include "core/base/clock_service.hpp"

#include <condition_variable>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "core/base/json.hpp"

namespace operon::base {
namespace {

using Time = std::chrono::steady_clock::time_point;

constexpr size_t sleeps_max = 10'000;
constexpr int64_t sleep_ms_max = 86'400'000;

int64_t ms_of(const ServiceCall& call) {
  nlohmann::json request = parse_json(call.request_json(), {.bytes_max = 4'096, .depth_max = 4, .values_max = 20});
  auto ms = request.is_object() ? request.find("ms") : request.end();
  if (!request.is_object() || ms == request.end() || !ms->is_number_integer() || *ms < 0 || *ms > sleep_ms_max) {
    throw Error(Code::invalid_argument, "operon.host.clock/1 sleep: ms must be an integer from 0 to 86400000").with_field("ms");
  }
  return ms->get<int64_t>();
}

}  // namespace

struct ClockService::State {
  explicit State(Clock& c) : clock(c) {}
  Clock& clock;
  std::mutex mutex;
  std::condition_variable changed;
  std::multimap<Time, std::shared_ptr<ServiceCall>> sleeps;
  std::vector<std::shared_ptr<ServiceCall>> cancelled;
  bool ending = false;
  std::thread thread;

  void run() {
    std::unique_lock lock(mutex);
    while (!ending) {
      Time now = clock.steady();
      std::vector<std::shared_ptr<ServiceCall>> due;
      std::vector<std::shared_ptr<ServiceCall>> gone = std::exchange(cancelled, {});
      while (!sleeps.empty() && sleeps.begin()->first <= now) {
        due.push_back(std::move(sleeps.begin()->second));
        sleeps.erase(sleeps.begin());
      }
      if (!due.empty() || !gone.empty()) {
        lock.unlock();
        for (const auto& call : due) call->reply("{}");
        for (const auto& call : gone) call->fail(Error(Code::cancelled, "the sleep was told to end early"));
        lock.lock();
      } else if (sleeps.empty()) {
        changed.wait(lock);
      } else {
        changed.wait_for(lock, sleeps.begin()->first - now);
      }
    }
  }

  void cancel(const ServiceCall* call) {
    std::lock_guard lock(mutex);
    for (auto at = sleeps.begin(); at != sleeps.end(); ++at) {
      if (at->second.get() != call) continue;
      cancelled.push_back(std::move(at->second));
      sleeps.erase(at);
      changed.notify_all();
      return;
    }
  }
};

ClockService::ClockService(Clock& clock) : state_(std::make_shared<State>(clock)) {}

ClockService::~ClockService() {
  {
    std::lock_guard lock(state_->mutex);
    state_->ending = true;
    state_->changed.notify_all();
  }
  if (state_->thread.joinable()) state_->thread.join();
  for (const auto& [due, call] : state_->sleeps) call->fail(Error(Code::cancelled, "the host is stopping"));
  for (const auto& call : state_->cancelled) call->fail(Error(Code::cancelled, "the host is stopping"));
  state_->sleeps.clear();
}

void ClockService::invoke(std::shared_ptr<ServiceCall> call) {
  if (call->verb() == "now") {
    auto steady_ms = std::chrono::duration_cast<std::chrono::milliseconds>(state_->clock.steady().time_since_epoch()).count();
    call->reply("{\"unixMs\":" + std::to_string(state_->clock.unix_ms()) + ",\"steadyMs\":" + std::to_string(steady_ms) + "}");
    return;
  }
  if (call->verb() != "sleep") {
    throw Error(Code::unimplemented,
                "operon.host.clock/1 has no verb '" + std::string(call->verb().substr(0, 40)) + "', only now and sleep");
  }
  const Time due = state_->clock.steady() + std::chrono::milliseconds(ms_of(*call));
  {
    std::lock_guard lock(state_->mutex);
    if (state_->ending) throw Error(Code::unavailable, "the host is stopping");
    if (state_->sleeps.size() >= sleeps_max) {
      throw Error(Code::resource_exhausted, "more than " + std::to_string(sleeps_max) + " sleeps (sleeps_max)").with_reason("sleeps_max");
    }
    state_->sleeps.emplace(due, call);
    if (!state_->thread.joinable()) state_->thread = std::thread([state = state_.get()] { state->run(); });
    state_->changed.notify_all();
  }
  // Weak: a cancellation may come long after the service has gone.
  call->on_cancel([state = std::weak_ptr(state_), raw = call.get()] {
    if (auto alive = state.lock()) alive->cancel(raw);
  });
}

void ClockService::look_again() {
  std::lock_guard lock(state_->mutex);
  state_->changed.notify_all();
}

}  // namespace operon::base
