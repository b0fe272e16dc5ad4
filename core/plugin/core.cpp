#include "core/plugin/core.hpp"

#include <array>

#include "core/log/log.hpp"
#include "core/plugin/host_side.hpp"

namespace operon::plugin {
namespace {

std::array<std::atomic<InstanceCore*>, InstanceCore::instances_max + 1> cores;
std::atomic<unsigned> made{0};

}  // namespace

InstanceCore& InstanceCore::make(std::string name, std::string plugin, const InstanceLimits& limits, std::shared_ptr<Timers> timers) {
  unsigned number = ++made;
  if (number > instances_max) {
    --made;
    throw Error(Code::resource_exhausted,
                "instances_max: this process has made " + std::to_string(instances_max) + " plugin instances; restart it");
  }
  auto* core = new InstanceCore(number, std::move(name), std::move(plugin), limits, std::move(timers));
  cores[number].store(core, std::memory_order_release);
  return *core;
}

InstanceCore* InstanceCore::by_number(unsigned number) noexcept {
  return number <= instances_max ? cores[number].load(std::memory_order_acquire) : nullptr;
}

InstanceCore::InstanceCore(unsigned n, std::string name_, std::string plugin_, const InstanceLimits& limits_,
                           std::shared_ptr<Timers> timers_)
    : number(n),
      name(std::move(name_)),
      plugin(std::move(plugin_)),
      limits(limits_),
      timers(std::move(timers_)),
      executor(std::make_shared<Executor>(limits_.executor_threads_max, limits_.calls_queued_max)),
      callbacks(std::make_shared<Executor>(callback_threads_max, callbacks_queued_max)) {}

void InstanceCore::close(Closed why) noexcept {
  gate_.fetch_or(why * one_closed, std::memory_order_acq_rel);
}

void InstanceCore::open(Closed why) noexcept {
  gate_.fetch_and(~(why * one_closed), std::memory_order_acq_rel);
}

void InstanceCore::calm() noexcept {
  std::lock_guard lock(mutex_);
  calm_.notify_all();
}

bool InstanceCore::wait_empty(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  return calm_.wait_until(lock, deadline, [&] { return inside() == 0; });
}

void InstanceCore::fault(std::string_view what) noexcept {
  uint64_t n = faults.fetch_add(1, std::memory_order_acq_rel) + 1;
  if (n > limits.faults_max) return;  // said often enough; the counter goes on
  log::warn("plugin fault", {{"instance", name}, {"plugin", plugin}, {"fault", what}, {"faults", std::to_string(n)}});
  if (n == limits.faults_max) {
    quarantine("faults_max: " + std::to_string(n) + " times the plugin broke its contract, at last: " + std::string(what));
  }
}

void InstanceCore::late_use(bool answer, std::string_view function) noexcept {
  late_uses.fetch_add(1, std::memory_order_relaxed);
  if (!answer) return;
  fault(std::string(function) + " of a call that had ended");
}

void InstanceCore::became_stuck(int64_t n) noexcept {
  log::warn("plugin call is stuck: its time is over and the plugin has not ended it",
            {{"instance", name}, {"plugin", plugin}, {"stuck", std::to_string(n)}});
  if (n >= static_cast<int64_t>(limits.stuck_calls_max)) {
    quarantine("stuck_calls_max: " + std::to_string(n) + " calls past their deadline were not ended by the plugin");
  }
}

void InstanceCore::quarantine(const std::string& reason) noexcept {
  {
    std::lock_guard lock(mutex_);
    if (!quarantine_reason_.empty()) return;
    quarantine_reason_ = reason;
  }
  close(quarantined);
  log::error("plugin instance quarantined: every call is refused until the host restarts",
             {{"instance", name}, {"plugin", plugin}, {"reason", reason}});
  executor->drop_queued();
}

std::string InstanceCore::quarantine_reason() const {
  std::lock_guard lock(mutex_);
  return quarantine_reason_;
}

}  // namespace operon::plugin
