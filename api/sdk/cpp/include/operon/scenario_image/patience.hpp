/// operon/scenario_image/patience.hpp: how long somebody waits.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>

#include "operon/error.hpp"
#include "operon/sdk/call.hpp"

namespace operon::scenario_image {

/// The Error's reason when a registry could not be reached at all.
inline constexpr const char* no_answer = "NoAnswer";

/// Until a moment, or until whoever asked has gone.
class Patience {
 public:
  using Clock = std::chrono::steady_clock;
  using milliseconds = std::chrono::milliseconds;
  static constexpr milliseconds look_every{50};     ///< whether they have gone
  static constexpr milliseconds answer_spare{500};  ///< a call is answered that much before its time is over

  explicit Patience(milliseconds time) : until_(Clock::now() + time) {}
  /// Of a call: the call must outlive it. A call without a deadline is waited for as long as `otherwise`.
  Patience(const sdk::Call& call, milliseconds otherwise) : gone_([&call] { return call.cancelled(); }) {
    auto time = otherwise;
    if (const auto deadline = call.deadline()) {
      const auto left = std::chrono::duration_cast<milliseconds>(*deadline - std::chrono::system_clock::now());
      time = std::min(time, std::max(left - answer_spare, left / 2));
    }
    until_ = Clock::now() + std::max(time, milliseconds(1));
  }

  milliseconds left() const { return std::max(std::chrono::duration_cast<milliseconds>(until_ - Clock::now()), milliseconds(0)); }
  bool over() const { return Clock::now() >= until_ || (gone_ && gone_()); }
  /// Throws Error(deadline_exceeded) when it is over.
  void check() const {
    if (over()) throw Error(Code::deadline_exceeded, "there is no time left to ask the registry");
  }
  /// Waits on `condition` until `done`, at most `most`; false when that, or the patience, is over first.
  template <class Condition, class Lock, class Done>
  bool wait(Condition& condition, Lock& lock, milliseconds most, Done done) const {
    const auto end = std::min(until_, Clock::now() + most);
    while (!done()) {
      if (Clock::now() >= end || (gone_ && gone_())) return false;
      condition.wait_until(lock, std::min(end, Clock::now() + look_every));
    }
    return true;
  }

 private:
  Clock::time_point until_;
  std::function<bool()> gone_;
};

}  // namespace operon::scenario_image
