/// core/http/server.hpp: the HTTP server: listeners, limits, worker pool, streams, drain.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/http/caller_check.hpp"
#include "core/http/router.hpp"

namespace operon::http {

struct Tls {
  std::string certificate_file, key_file, client_ca_file;  ///< client_ca_file: callers must show a certificate of it
};

struct ServerLimits {
  unsigned worker_threads_max = 16;
  unsigned requests_queued_max = 256;  ///< waiting for a worker; more: 503 + Retry-After
  unsigned review_threads_max = 8;     ///< that wait for an answer about a caller
  unsigned reviews_queued_max = 256;   ///< callers waiting for such a thread; more: 503 + Retry-After
  unsigned connections_max = 10000;
  unsigned connections_per_address_max = 2000;
  size_t header_bytes_max = 32u << 10;             ///< 431
  unsigned headers_max = 100;                      ///< 431
  size_t uri_bytes_max = 8u << 10;                 ///< 414
  size_t body_bytes_max = 32u << 20;               ///< 413; a route may have less
  std::chrono::milliseconds header_ms_max{10000};  ///< from the first byte to the last header: 408
  std::chrono::milliseconds body_ms_max{30000};    ///< 408
  std::chrono::milliseconds idle_ms_max{60000};    ///< between requests
  std::chrono::milliseconds write_ms_max{30000};   ///< a peer that takes nothing
  std::chrono::milliseconds ping_ms{30000};        ///< between two pings of a WebSocket
  unsigned requests_per_connection_max = 100000;
  size_t bodies_bytes_max = 256u << 20;  ///< all bodies that are being read or handled at one time, together: 503 + Retry-After
  size_t drain_bytes_max = 256u << 10;   ///< of a body that nobody wants; more: the connection is closed after the answer
  unsigned reactor_threads = 1;          ///< loops that read requests and answer `no_block` routes
  unsigned streams_max = 10000;          ///< 503 + Retry-After
  unsigned stream_threads = 2;
  size_t stream_buffer_bytes_max = 64u << 10;  ///< per stream, made when needed
};

/// Host and Origin are checked before anything else, so that no web page reaches a handler.
struct AccessRules {
  std::vector<std::string> hosts;        ///< beside loopback names and the listen addresses
  std::vector<std::string> origins;      ///< allowed foreign origins; same-origin always is
  std::shared_ptr<CallerCheck> callers;  ///< null: everyone is anonymous with role admin
  /// Told of every request that is answered 401 or 403 because of its caller. On any thread; must not block.
  std::function<void(const Request&, int status, std::string_view why)> on_refused;
};

/// Start, then drain, then destroy. Each server has its own listeners and threads.
class Server {
 public:
  Server(std::string name, std::vector<std::string> listen, const Router&, ServerLimits, AccessRules, std::optional<Tls>);
  ~Server();  ///< stops hard

  /// Binds and accepts. Throws Error(unavailable) naming the address and the system's reason.
  void start();
  /// The addresses really bound ("127.0.0.1:8080"), in the order of `listen`; port 0 is filled in.
  std::vector<std::string> addresses() const;
  /// No new connection; requests in flight finish, streams are told and ended; all within `grace`. Returns false when something had to be
  /// cut.
  bool drain(std::chrono::milliseconds grace);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace operon::http
