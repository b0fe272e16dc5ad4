/// core/app/operond/quiet.hpp: when a host is quiet enough to give back memory.
#pragma once

#include <chrono>

namespace operon::app {

/// Tells from the CPU time that the host used. A start touches three times the code that an idle host needs, and so does a busy hour.
class Quiet {
 public:
  static constexpr std::chrono::milliseconds first_look{500};  ///< after the start: caches are filled, the lease is taken
  static constexpr std::chrono::milliseconds next_look{60'000};
  static constexpr double quiet_share = 0.01;       ///< of a core, between two looks
  static constexpr double worth_cpu_seconds = 0.5;  ///< used since memory was given back: less has touched little

  /// To be asked `first_look` after the start, and every `next_look` from then on: is now the time?
  bool due(double cpu_seconds);
  std::chrono::milliseconds until_next_look() const { return looked_ ? next_look : first_look; }

 private:
  bool looked_ = false;
  double at_look_ = 0, at_release_ = 0;
};

}  // namespace operon::app
