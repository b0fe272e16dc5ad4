/// core/http/streams.hpp: answers that go out as they are made, thousands of them on a few threads.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/http/gate.hpp"
#include "core/http/http_metrics.hpp"
#include "core/http/loop.hpp"
#include "core/http/server.hpp"
#include "core/http/transport.hpp"

namespace operon::http {

enum class StreamMode { chunked, until_close, websocket };

/// A connection whose answer's head is made and whose rest a StreamSource makes.
struct StreamStart {
  Transport transport;
  Gate::Pass pass;
  std::string out;  ///< bytes that go first: the head
  std::string in;   ///< bytes that came after the request
  std::shared_ptr<StreamSource> source;
  StreamMode mode = StreamMode::chunked;
};

/// Thread-safe. Threads are made when the first stream comes.
class Streams {
 public:
  Streams(std::string name, const ServerLimits&, const HttpMetrics&);
  ~Streams();

  /// One of `streams_max` places; false: there is none. Every `reserve` ends in `adopt` or `release`.
  bool reserve();
  void release();
  void adopt(StreamStart);
  /// Tells every stream, also those that are still on their way here.
  void drain();
  void cut();  ///< closes what is left

 private:
  std::vector<Loop*> loops();

  const std::string name_;
  const ServerLimits& limits_;
  const HttpMetrics& metrics_;
  std::atomic<unsigned> count_{0};
  std::atomic<bool> draining_{false};
  std::mutex mutex_;
  std::vector<std::unique_ptr<Loop>> loops_;
  size_t next_ = 0;
};

}  // namespace operon::http
