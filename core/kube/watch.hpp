/// core/kube/watch.hpp: a watch that goes on: resumed after every end, until its place in history is gone.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/kube/backoff.hpp"
#include "core/kube/client.hpp"
#include "core/kube/resource.hpp"

namespace operon::kube {

struct WatchEvent {
  enum class Kind { added, modified, deleted, bookmark };
  Kind kind;
  std::string_view object;  ///< JSON text; LineSplitter::padding bytes behind it may be read
};

/// Splits {"type":...,"object":...}. Throws Error(data_loss) for what is no event; the error the server sends for an ERROR event.
WatchEvent parse_watch_event(std::string_view line, const std::string& what);

struct WatchHandler {
  /// Returns where to go on from after this: the object's resourceVersion. Empty = the place stays as it was; in a streaming list until the
  /// bookmark that ends it.
  std::function<std::string(const WatchEvent&)> event;
  /// The watch cannot go on from where it was (410, or a streaming list that the server does not know): it has stopped; list anew.
  std::function<void(const Error&)> gone;
  /// For metrics and health: absent = connected.
  std::function<void(const Error*)> state;
};

struct WatchTuning {
  std::chrono::milliseconds stall{90'000};   ///< no byte for this long: the connection is dropped and made anew. Bookmarks come each minute
  std::chrono::seconds server_timeout{290};  ///< jittered up to twice that, so that watches do not end together
  size_t line_bytes_max = 8u << 20;          ///< of one event; an object has about 1.5 MiB at most, a streamed one a bit more
  BackoffLimits backoff{};
  uint64_t seed = 0;  ///< 0 = another one every time
};

/// Handlers are called on the client's thread. The client must outlive it.
class Watch {
 public:
  Watch(Client&, Resource, WatchOptions, WatchTuning, WatchHandler);
  ~Watch();  ///< no handler is running nor will be called afterwards; not from within a handler

  /// Again after `gone`, with another place.
  void start(std::string resource_version, bool initial_events);
  void stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace operon::kube
