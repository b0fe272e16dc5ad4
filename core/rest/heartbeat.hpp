/// core/rest/heartbeat.hpp: one thread that reminds silent streams to say something.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core/rest/signal.hpp"

namespace operon::rest {

/// Raises every signal that is still held by a stream, once per period. The thread starts with the first stream. Thread-safe.
class Heartbeat {
 public:
  explicit Heartbeat(std::chrono::milliseconds period) : period_(period) {}
  ~Heartbeat();

  void add(const std::shared_ptr<Signal>&);

 private:
  void beat();

  const std::chrono::milliseconds period_;
  std::mutex mutex_;
  std::condition_variable stop_changed_;
  bool stopped_ = false;
  std::vector<std::weak_ptr<Signal>> signals_;
  std::thread thread_;
};

}  // namespace operon::rest
