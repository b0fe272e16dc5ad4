/// core/plugin/core.hpp: what the host keeps of an instance for ever: its handle number, counters, gate and limits.
///
/// Never freed, as the plugin's library is never unloaded: a plugin that uses a handle, or the host, after its end must find somebody who
/// answers.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "core/plugin/accounting.hpp"
#include "core/plugin/executor.hpp"
#include "core/plugin/instances.hpp"
#include "core/plugin/timers.hpp"
#include "operon/plugin.h"

namespace operon::plugin {

class HostSide;

class InstanceCore {
 public:
  /// Why no verb may be entered; several at once are possible.
  enum Closed : uint64_t { not_ready = 1, draining = 2, quarantined = 4, stopping = 8 };

  static constexpr unsigned callback_threads_max = 2, callbacks_queued_max = 65'536;
  static constexpr unsigned instances_max = 4095;  ///< made in the life of one process: twelve bits of a handle

  /// Throws Error(resource_exhausted) past `instances_max`.
  static InstanceCore& make(std::string name, std::string plugin, const InstanceLimits&, std::shared_ptr<Timers>);
  /// Null when there is none.
  static InstanceCore* by_number(unsigned) noexcept;

  const unsigned number;
  const std::string name, plugin;
  const InstanceLimits limits;
  const std::shared_ptr<Timers> timers;
  const std::shared_ptr<Executor> executor;    ///< verbs
  const std::shared_ptr<Executor> callbacks;   ///< what deadlines call in the plugin
  std::deque<VerbEntry> verbs;                 ///< complete before the gate opens, then constant
  operon_plugin* raw = nullptr;                ///< likewise
  bool serial = false;                         ///< likewise
  std::mutex one_verb;                         ///< held while a verb of a serial instance runs
  std::atomic<std::thread::id> verb_thread{};  ///< which holds it
  std::unique_ptr<HostSide> host;              ///< what the plugin holds as operon_host

  std::atomic<uint64_t> faults{0}, late_uses{0};
  std::atomic<int64_t> stuck{0};

  /// Every verb entered and not yet ended counts. False: closed, nothing was entered.
  bool enter() noexcept {
    if (gate_.fetch_add(1, std::memory_order_acq_rel) < one_closed) return true;
    leave();
    return false;
  }
  /// For the queue's tasks and `configure`, which know why they may.
  void enter_anyway() noexcept { gate_.fetch_add(1, std::memory_order_acq_rel); }
  void leave() noexcept {
    uint64_t before = gate_.fetch_sub(1, std::memory_order_acq_rel);
    if (before > one_closed && (before & (one_closed - 1)) == 1) calm();
  }
  void close(Closed) noexcept;
  void open(Closed) noexcept;
  uint64_t closed() const noexcept { return gate_.load(std::memory_order_acquire) / one_closed; }
  uint64_t inside() const noexcept { return gate_.load(std::memory_order_acquire) & (one_closed - 1); }
  /// True when no call is inside any more.
  bool wait_empty(std::chrono::steady_clock::time_point deadline);

  /// The plugin broke the contract: counted, logged, and too many close the gate for good.
  void fault(std::string_view what) noexcept;
  /// A handle was used after its end. `answer`: to answer, which is a fault as well.
  void late_use(bool answer, std::string_view function) noexcept;
  /// `now`: how many there are with this one.
  void became_stuck(int64_t now) noexcept;
  void came_loose() noexcept { stuck.fetch_sub(1, std::memory_order_acq_rel); }
  void quarantine(const std::string& reason) noexcept;
  std::string quarantine_reason() const;

 private:
  static constexpr uint64_t one_closed = uint64_t{1} << 32;

  InstanceCore(unsigned number, std::string name, std::string plugin, const InstanceLimits&, std::shared_ptr<Timers>);
  void calm() noexcept;

  std::atomic<uint64_t> gate_{not_ready * one_closed};
  mutable std::mutex mutex_;
  std::condition_variable calm_;
  std::string quarantine_reason_;
};

/// The right of a serial instance's verb to run; of a concurrent one it means nothing.
class OneVerb {
 public:
  OneVerb() = default;
  OneVerb(OneVerb&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}
  OneVerb& operator=(OneVerb&&) = delete;
  ~OneVerb() { leave(); }

  static OneVerb wait(InstanceCore& core) {
    if (!core.serial) return {};
    core.one_verb.lock();
    return OneVerb(core);
  }
  /// False when another verb runs, also one further down on this thread's stack.
  static bool try_enter(InstanceCore& core, OneVerb& into) {
    if (!core.serial) return true;
    if (core.verb_thread.load(std::memory_order_relaxed) == std::this_thread::get_id() || !core.one_verb.try_lock()) return false;
    into.core_ = &core;
    core.verb_thread.store(std::this_thread::get_id(), std::memory_order_relaxed);
    return true;
  }
  void leave() noexcept {
    if (core_ == nullptr) return;
    core_->verb_thread.store({}, std::memory_order_relaxed);
    std::exchange(core_, nullptr)->one_verb.unlock();
  }

 private:
  explicit OneVerb(InstanceCore& core) noexcept : core_(&core) {
    core.verb_thread.store(std::this_thread::get_id(), std::memory_order_relaxed);
  }
  InstanceCore* core_ = nullptr;
};

}  // namespace operon::plugin
