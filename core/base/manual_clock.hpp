/// core/base/manual_clock.hpp: a clock that moves when a test says so.
#pragma once

#include <functional>
#include <mutex>
#include <vector>

#include "core/base/clock.hpp"

namespace operon::base {

/// Thread-safe. Wall and steady time move together.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(int64_t unix_ms = 1'767'323'045'678) : unix_ms_(unix_ms) {}  ///< 2026-01-02T03:04:05.678Z

  int64_t unix_ms() const override;
  std::chrono::steady_clock::time_point steady() const override;

  /// Moves time forward, then calls every listener on this thread (so that waiters look again).
  void advance(std::chrono::milliseconds);
  void on_advance(std::function<void()>);

 private:
  mutable std::mutex mutex_;
  int64_t unix_ms_;
  std::chrono::steady_clock::time_point steady_{std::chrono::hours(1)};
  std::vector<std::function<void()>> listeners_;
};

}  // namespace operon::base
