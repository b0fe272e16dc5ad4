/// core/kube/client.hpp: the connection to one API server: one libcurl multi handle, HTTP/2, one thread that tells what comes.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/kube/config.hpp"
#include "operon/error.hpp"

namespace operon::kube {

using Headers = std::vector<std::pair<std::string, std::string>>;
using Query = std::vector<std::pair<std::string, std::string>>;

struct ClientLimits {
  unsigned requests_max = 1024;       ///< in hand; more are refused
  unsigned streams_max = 512;         ///< watches, logs; besides requests
  unsigned connections_kept_max = 8;  ///< idle ones
  std::chrono::milliseconds connect_ms_max{10'000};
  std::chrono::milliseconds timeout_ms_default{30'000};
  size_t response_bytes_max = 64u << 20;
  size_t response_header_bytes_max = 64u << 10;
  std::chrono::milliseconds keep_alive_ms{20'000};  ///< TCP probes on a silent connection: a dead server is noticed without traffic
};

struct Request {
  std::string method = "GET";
  std::string path;  ///< "/api/v1/..."; escaped where it has to be
  Query query;       ///< not escaped
  std::string body;
  std::string content_type;  ///< of the body; empty = application/json when there is one
  std::string accept = "application/json";
  Headers headers;
  std::chrono::milliseconds timeout{0};  ///< of the whole; 0 = the client's default, for streams none
  std::optional<size_t> response_bytes_max;
  /// A stream that may be paused for long: over HTTP/1.1, so that a full reader stops the sender and not only fills memory.
  bool own_connection = false;
};

struct Response {
  /// A parser may read this many bytes past the end of a body.
  static constexpr size_t body_padding = 64;

  int status = 0;
  std::string retry_after;  ///< the header's value; empty without one
  std::string body;
};

using Result = std::variant<Response, Error>;

/// An answer read piece by piece. All are called on the client's thread and must not block.
struct StreamHandler {
  /// The status and Retry-After are there. A status other than 2xx is not streamed: it ends with `done` and the error it tells.
  std::function<void(const Response&)> head;
  /// False = no room: the same bytes come again after Client::resume().
  std::function<bool(std::string_view)> chunk;
  /// Once, at the end: absent = the server ended it properly.
  std::function<void(std::optional<Error>)> done;
};

/// Thread-safe. No call waits for the network unless it says so; a request is sent by the caller's thread when the client's sleeps, and by
/// the client's otherwise. Callbacks come on the client's thread, or on the caller's before the call returns when
/// the thing cannot even begin (RESOURCE_EXHAUSTED, INVALID_ARGUMENT, UNAVAILABLE while stopping).
///
/// Errors beside those: UNAVAILABLE with reason `NotSent` (the server never saw the request) or `Lost` (it may have), DEADLINE_EXCEEDED
/// with reason `Lost`, CANCELLED, UNAUTHENTICATED (credentials cannot be had), RESOURCE_EXHAUSTED (answer too large). Any status is a
/// Response; a 401 is tried once more with fresh credentials before it becomes one.
class Client {
 public:
  using Id = uint64_t;
  using Done = std::function<void(Result)>;

  /// Throws Error when the configuration's files cannot be read or libcurl is missing. Says in the log how it logs in.
  explicit Client(ClusterConfig, ClientLimits = {});
  ~Client();  ///< ends what is in flight: every `done` is called (CANCELLED)

  Id request(Request, Done);
  /// Blocks; not on the client's thread. Throws Error.
  Response fetch(Request);
  Id stream(Request, StreamHandler);
  void resume(Id);
  /// `done` still comes, unless the thing has ended already.
  void cancel(Id);

  /// Runs `task` on the client's thread, `delay` from now. The id is for cancel(), after which it does not run any more unless it is
  /// running. What is still waiting when the client ends is dropped.
  Id after(std::chrono::milliseconds delay, std::function<void()> task);

  const ClusterConfig& config() const;
  /// What exec needs beside requests: the present identity. Blocks while an exec plugin runs; not on the client's thread. Throws Error.
  std::shared_ptr<const struct Identity> identity();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

/// Shared by requests and streams: "?a=b&c=d", escaped; empty for none.
std::string query_text(const Query&);

}  // namespace operon::kube
