/// core/plugin/accounting.hpp: the numbers kept for every verb: plain atomics on the call path, exported when somebody scrapes.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

#include "core/metrics/metrics.hpp"
#include "core/plugin/call.hpp"

namespace operon::plugin {

constexpr size_t codes = OPERON_UNAUTHENTICATED + 1;

/// A verb may throw although its type says it does not: a plugin can be compiled as if the type were another.
using ThrowingVerb = operon_status (*)(operon_plugin*, operon_call*, operon_str);

/// The host's copy of a plugin's verb. Never freed: calls that never ended point at it.
struct VerbEntry {
  operon_verb verb{};
  ThrowingVerb fn = nullptr;
  uint32_t flags = 0;
  std::string interface_id, name;

  std::array<std::atomic<uint64_t>, codes> by_code{};
  std::atomic<uint32_t> calls_begun{0};  ///< which no-block calls have their time taken
  metrics::Histogram seconds;

  // Of the exporter alone.
  std::array<metrics::Counter, codes> counters{};
  std::array<uint64_t, codes> exported{};

  void count(operon_status code) noexcept { by_code[static_cast<size_t>(code)].fetch_add(1, std::memory_order_relaxed); }
};

class InstanceCore;

/// From now on the instance's numbers are part of every scrape. Called once for each.
void account(InstanceCore&);

}  // namespace operon::plugin
