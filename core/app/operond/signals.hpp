/// core/app/operond/signals.hpp: signals as events, on a thread of their own.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

namespace operon::app {

/// Made before any other thread, so that all of them inherit the blocked signals. The second SIGTERM or SIGINT ends the process at once
/// (exit code 1), and so does the end of the time that `must_end_within` gave.
class Signals {
 public:
  Signals();
  ~Signals();

  enum class Event { stop, reload, none };
  /// Waits for the next one; `none` when it did not come in that time.
  Event wait(std::chrono::milliseconds);
  /// True when a stop was asked for already.
  bool stop_asked() const;
  /// From now on the process lives at most so long.
  void must_end_within(std::chrono::milliseconds);

 private:
  void watch();
  void take(int signal);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  unsigned stops_ = 0;
  bool stop_taken_ = false, reload_ = false, quit_ = false;
  std::optional<std::chrono::steady_clock::time_point> end_;
  std::thread thread_;
};

}  // namespace operon::app
