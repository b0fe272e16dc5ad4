/// core/http/transport.hpp: a non-blocking connection, plain or TLS, as two calls.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/base/files.hpp"
#include "core/http/server.hpp"

struct ssl_st;
struct ssl_ctx_st;

namespace operon::http {

/// Certificates of one server. Throws Error(failed_precondition) naming the file that cannot be used.
class TlsContext {
 public:
  explicit TlsContext(const Tls&);
  ~TlsContext();
  ssl_ctx_st* get() const noexcept { return context_; }

 private:
  ssl_ctx_st* context_ = nullptr;
};

/// Owns the descriptor. Used by one thread at a time.
class Transport {
 public:
  enum class State { ok, again, closed };
  struct Result {
    State state = State::ok;
    size_t bytes = 0;
  };

  Transport() = default;
  Transport(base::Fd fd, const TlsContext* tls);  ///< tls null: plain
  Transport(Transport&&) noexcept;
  Transport& operator=(Transport&&) noexcept;
  ~Transport();

  /// `ok` with 0 bytes never happens; end of stream is `closed`.
  Result receive(char* into, size_t max) noexcept;
  /// Sends a part. `more` hints that more follows at once.
  Result send(std::string_view, bool more = false) noexcept;
  /// TLS: goes on with the handshake; plain: ok.
  State handshake() noexcept;
  /// Says that nothing more will be sent (TLS close_notify, then FIN).
  void shutdown_send() noexcept;
  /// Both directions, so that the peer and whoever waits see an end.
  void shutdown_both() noexcept;
  /// Bytes that the kernel has taken from us and the peer has not taken from it. Falls while the peer reads, however slowly.
  size_t queued_bytes() const noexcept;
  int fd() const noexcept { return fd_.get(); }
  bool tls() const noexcept { return ssl_ != nullptr; }

 private:
  State after_tls_call(int result) noexcept;

  base::Fd fd_;
  ssl_st* ssl_ = nullptr;
};

}  // namespace operon::http
