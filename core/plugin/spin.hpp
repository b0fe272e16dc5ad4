/// core/plugin/spin.hpp: looking again for a moment before going to sleep. Waking a thread on another core costs some 20 us on a virtual
/// machine, and calls come in bursts: a run's start is four of them in a row.
#pragma once

#include <chrono>
#include <thread>

namespace operon::plugin {

/// The price of a wake-up: looking for longer than that costs more than it saves.
constexpr std::chrono::microseconds spin_max{20};

/// Looks until `done()` or for `spin_max`. Not at all on a machine of one core, where the other side could not go on meanwhile.
template <class Done>
bool spin_until(Done&& done) noexcept {
  static const bool alone = std::thread::hardware_concurrency() < 2;
  if (alone) return done();
  const auto until = std::chrono::steady_clock::now() + spin_max;
  do {
    for (int i = 0; i < 32; ++i) {
      if (done()) return true;
#if defined(__x86_64__) || defined(__i386__)
      __builtin_ia32_pause();
#endif
    }
  } while (std::chrono::steady_clock::now() < until);
  return false;
}

}  // namespace operon::plugin
