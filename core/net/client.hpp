/// core/net/client.hpp: the outbound HTTP client: one thread, kept connections, bounded in every direction. libcurl stays behind it.
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

#include "operon/error.hpp"

namespace operon::net {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct ClientLimits {
  unsigned requests_max = 256;          ///< at a time
  unsigned requests_queued_max = 1024;  ///< waiting; more are refused
  unsigned connections_kept_max = 64;
  std::chrono::milliseconds connect_ms_max{10000};
  std::chrono::milliseconds timeout_ms_default{30000};
  size_t response_bytes_max = 16u << 20;  ///< of a body, unpacked
  size_t response_header_bytes_max = 64u << 10;
  unsigned redirects_max = 5;
  std::string ca_bundle_file;  ///< PEM; empty = the system's
};

struct Request {
  std::string method = "GET";
  std::string url;  ///< http or https
  Headers headers;
  std::string body;
  std::chrono::milliseconds timeout{0};  ///< from start() to the last byte, waiting and redirects included; 0 = the client's default
  std::string ca_bundle;                 ///< PEM text of the authorities to trust instead of the system's
  bool insecure_skip_verify = false;
  bool follow_redirects = true;
  bool link_local =
      true;  ///< connect to link-local and cloud metadata addresses; false also for what a name or redirect turns out to lead to
  std::optional<size_t> response_bytes_max;  ///< absent = the client's; never more than the client's
};

struct Reply {
  int status = 0;
  Headers headers;   ///< names in lower case, in order
  std::string body;  ///< unpacked
  std::string url;   ///< the one that answered, after redirects
};

using Result = std::variant<Reply, Error>;

/// What is counted of one request that ended.
struct Observation {
  std::string_view outcome;  ///< "2xx" ... "5xx", "error", "timeout", "cancelled", "refused"
  std::chrono::nanoseconds took{0};
};

/// Thread-safe. Proxies come from http_proxy, https_proxy and no_proxy. A redirect to another host, port or scheme carries no credentials:
/// only the headers Accept*, Content-* and User-Agent go there, and no body. Messages name scheme, host and path of a URL, never its user
/// or query.
class Client {
 public:
  using Id = uint64_t;
  using Done = std::function<void(Result)>;

  explicit Client(ClientLimits = {}, std::function<void(const Observation&)> observe = {});
  ~Client();  ///< cancels what is in flight: `done` is called for each

  /// Never blocks. `done` is called once, on the client's thread, and must not block; or, when the request cannot even begin
  /// (INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNAVAILABLE while stopping), on this one before it returns. Other errors: UNAVAILABLE (no
  /// connection, TLS), DEADLINE_EXCEEDED, CANCELLED, RESOURCE_EXHAUSTED (the answer is larger than allowed). Any status of a server is a
  /// Reply.
  Id start(Request, Done);
  /// Ends it early; `done` still comes. Harmless for one that ended.
  void cancel(Id);
  /// Starts and waits. Not on the client's thread. Throws Error.
  Reply fetch(Request);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace operon::net
