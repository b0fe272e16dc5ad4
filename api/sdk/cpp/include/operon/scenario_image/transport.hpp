/// operon/scenario_image/transport.hpp: requests of this plugin's own threads, all of which can be ended at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>

#include "operon/sdk/services.hpp"

namespace operon::scenario_image {

/// Thread-safe.
class Transport {
 public:
  explicit Transport(operon::sdk::Host host) : http_(std::move(host)) {}

  /// Blocks. Throws Error(unavailable, deadline_exceeded, resource_exhausted; cancelled after stop()).
  operon::sdk::HttpAnswer send(const operon::sdk::HttpRequest&);
  /// Ends what is under way; nothing is sent afterwards.
  void stop();
  /// Requests that were sent.
  uint64_t sent() const { return sent_; }

 private:
  const operon::sdk::Http http_;
  std::atomic<uint64_t> sent_{0};
  std::mutex mutex_;
  bool stopped_ = false;
  uint64_t last_ = 0;
  std::map<uint64_t, operon::sdk::Operation> open_;
};

}  // namespace operon::scenario_image
