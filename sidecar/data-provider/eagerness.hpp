/// data-provider/eagerness.hpp: whether the next call is worth waiting for without sleep.
#pragma once

#include <chrono>

namespace operon::data_provider {

struct EagernessLimits {
  std::chrono::microseconds spin_us_max{75};  ///< the next event is looked for this long before the thread sleeps
  std::chrono::microseconds gap_us_max{250};  ///< once calls come at most this far apart,
  unsigned calls_min = 8;                     ///< this many of them, one at a time
};

/// To sleep and to be woken up takes longer than to answer a call from memory: while one caller asks again and again, it is cheaper to look
/// for the next call. Several callers at once keep each other waiting, and need the processor more than we do. For one thread.
class Eagerness {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Eagerness(EagernessLimits limits) : limits_(limits) {}

  void call_came(Clock::time_point now) {
    const bool alone = !call_since_empty_, soon = seen_ && now - last_call_ <= limits_.gap_us_max;
    calls_ = alone && soon ? calls_ + (calls_ < limits_.calls_min) : 0;
    call_since_empty_ = seen_ = true;
    last_call_ = now;
  }
  /// There is no event at the moment.
  void empty() { call_since_empty_ = false; }
  /// Nothing came in the time of spin().
  void in_vain() { calls_ = 0; }
  /// How long to look for the next event without sleeping; 0: not at all.
  std::chrono::microseconds spin() const { return calls_ < limits_.calls_min ? std::chrono::microseconds(0) : limits_.spin_us_max; }

 private:
  const EagernessLimits limits_;
  Clock::time_point last_call_;
  unsigned calls_ = 0;  // in a row
  bool seen_ = false, call_since_empty_ = false;
};

}  // namespace operon::data_provider
