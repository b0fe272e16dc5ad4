/// operon/scenario_image/transport.hpp: blocking requests, bounded by the patience of whoever asks, all of
/// which can be ended at once.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>

#include "operon/scenario_image/patience.hpp"
#include "operon/sdk/services.hpp"

namespace operon::scenario_image {

/// Thread-safe.
class Transport {
 public:
  explicit Transport(operon::sdk::Host host) : http_(std::move(host)) {}

  /// Blocks. Throws Error(unavailable with the reason no_answer, deadline_exceeded; cancelled after stop()). Link-local and cloud metadata
  /// addresses are not asked: registries, and what they send us to, are named by others.
  operon::sdk::HttpAnswer send(operon::sdk::HttpRequest, const Patience&);
  /// Ends what is under way; nothing is sent afterwards.
  void stop();

 private:
  const operon::sdk::Http http_;
  std::mutex mutex_;
  bool stopped_ = false;
  uint64_t last_ = 0;
  std::map<uint64_t, operon::sdk::Operation> open_;
};

}  // namespace operon::scenario_image
