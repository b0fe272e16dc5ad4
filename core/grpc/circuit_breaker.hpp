/// core/grpc/circuit_breaker.hpp: stops asking a server that does not answer, and notices when it does again.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <string>

#include "core/base/clock.hpp"

namespace operon::grpc_client {

struct BreakerLimits {
  unsigned failures_max = 3;                       ///< in a row; then it opens
  std::chrono::milliseconds open_ms_first{1'000};  ///< how long nothing is asked, the first time
  std::chrono::milliseconds open_ms_max{30'000};   ///< doubled after each trial that fails, up to this
  std::chrono::milliseconds trial_ms_max{15'000};  ///< a trial that never reports is given up after this
};

/// Closed: everything passes. Open: nothing does. Half-open, when its time is up: one at a time, and its end decides. Thread-safe.
class CircuitBreaker {
 public:
  enum class State { closed, open, half_open };

  CircuitBreaker(BreakerLimits limits, base::Clock& clock) : limits_(limits), clock_(clock) {}

  /// Absent = go ahead, and say afterwards how it ended. Otherwise how long it is until the next trial.
  std::optional<std::chrono::milliseconds> refuse();
  void succeeded();
  void failed(std::string why);
  /// It ended without a word about the server.
  void abandoned();

  State state() const;
  /// The last failure since the last success; empty while it is closed without one.
  std::string trouble() const;

 private:
  using Time = std::chrono::steady_clock::time_point;

  const BreakerLimits limits_;
  base::Clock& clock_;
  mutable std::mutex mutex_;
  unsigned failures_ = 0;
  std::chrono::milliseconds open_ms_{0};  // 0 = closed
  Time open_until_{}, trial_until_{};
  bool trial_ = false;
  std::string why_;
};

}  // namespace operon::grpc_client
