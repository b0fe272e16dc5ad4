/// core/plugin/timers.hpp: "call me then", for the deadlines of calls and the executor service. One thread, started with the first timer.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

namespace operon::plugin {

/// Thread-safe. Functions run on the timer thread one after the other and must not block.
class Timers {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// Never 0.
  using Id = uint64_t;

  Timers() = default;
  Timers(const Timers&) = delete;
  Timers& operator=(const Timers&) = delete;
  ~Timers() { stop(); }

  /// 0 when stopped: the function will not run.
  Id add(Time, std::function<void()>);
  /// True when the function will not run any more. False: it ran, or is running now on the timer thread.
  bool cancel(Id) noexcept;
  /// Drops what waits; returns when the thread has ended. Not from a timer's function.
  void stop() noexcept;

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::pair<Time, Id>, std::function<void()>> waiting_;  // ordered by time; the nearest first
  std::map<Id, Time> times_;
  std::thread thread_;
  Id last_ = 0;
  bool stopped_ = false;
};

}  // namespace operon::plugin
