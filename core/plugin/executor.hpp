/// core/plugin/executor.hpp: the threads on which one instance's verbs run. Made on demand, leaving when idle, never more than a limit.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

namespace operon::plugin {

/// Thread-safe. Always held by a shared_ptr: a thread that a plugin never gives back outlives everybody else's interest in it.
class Executor : public std::enable_shared_from_this<Executor> {
 public:
  /// Called once with true to do the work, or with false when it will never be done. Must not throw.
  using Task = std::function<void(bool run)>;
  enum class Submitted { taken, full, stopped };

  Executor(unsigned threads_max, unsigned queued_max) : threads_max_(threads_max), queued_max_(queued_max) {}

  /// Before the first task.
  void limit_threads(unsigned threads_max) { threads_max_ = threads_max; }
  Submitted submit(Task);
  /// Tasks wait in the queue from now on; those that run go on.
  void pause();
  void resume();
  /// True when no task runs any more.
  bool wait_idle(std::chrono::steady_clock::time_point deadline);
  /// Tells every queued task false.
  void drop_queued();
  /// The same, and no further task is taken; idle threads leave.
  void stop();
  /// True when every thread has left.
  bool wait_ended(std::chrono::steady_clock::time_point deadline);
  unsigned threads() const;

 private:
  void work();
  void spin(std::unique_lock<std::mutex>&);

  static constexpr std::chrono::seconds idle_max{5};

  unsigned threads_max_;
  const unsigned queued_max_;
  mutable std::mutex mutex_;
  std::condition_variable changed_, calm_;
  std::deque<Task> queue_;
  unsigned threads_ = 0, idle_ = 0, busy_ = 0;
  bool paused_ = false, stopped_ = false;
  bool spinning_ = false;            ///< a thread looks for work without sleeping, and needs no notification
  std::atomic<bool> called_{false};  ///< tells that one
};

}  // namespace operon::plugin
