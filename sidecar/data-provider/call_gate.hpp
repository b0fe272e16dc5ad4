/// data-provider/call_gate.hpp: how many calls are going on, and the end of taking new ones.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace operon::data_provider {

/// Thread-safe.
class CallGate {
 public:
  /// `limit` is what the limit is called, for messages.
  CallGate(size_t calls_max, const char* limit) : calls_max_(calls_max), limit_(limit) {}

  /// Throws Error: resource_exhausted when `calls_max` are going on, unavailable once it is closed.
  void enter();
  void leave();
  /// No new calls; true when the last one has left before the deadline.
  bool close(std::chrono::steady_clock::time_point deadline);

 private:
  const size_t calls_max_;
  const char* const limit_;
  std::mutex mutex_;
  std::condition_variable emptied_;
  size_t calls_ = 0;
  bool closed_ = false;
};

}  // namespace operon::data_provider
