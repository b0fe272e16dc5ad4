/// core/base/clock.hpp: the one source of time, so that tests run without sleeping.
#pragma once

#include <chrono>
#include <cstdint>

namespace operon::base {

/// Thread-safe. Timers are not here: what waits takes a deadline from this clock and waits on a condition.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Milliseconds since 1970-01-01 UTC.
  virtual int64_t unix_ms() const = 0;
  virtual std::chrono::steady_clock::time_point steady() const = 0;
};

/// The machine's clock; lives for ever.
Clock& system_clock();

}  // namespace operon::base
