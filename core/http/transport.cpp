#include "core/http/transport.hpp"

#include <linux/sockios.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include "operon/error.hpp"

namespace operon::http {

namespace {

std::string openssl_reason() {
  std::array<char, 256> text{};
  const unsigned long code = ERR_get_error();
  ERR_error_string_n(code, text.data(), text.size());
  ERR_clear_error();
  return text.data();
}

[[noreturn]] void refuse(const char* what, const std::string& file) {
  throw Error(Code::failed_precondition, std::string("TLS: ") + what + " '" + file + "' cannot be used: " + openssl_reason());
}

/// A key with a pass phrase must fail, not ask on the terminal of a daemon.
int no_pass_phrase(char*, int, int, void*) {
  return 0;
}

int select_http11(SSL*, const unsigned char** out, unsigned char* out_length, const unsigned char* in, unsigned int in_length, void*) {
  static constexpr unsigned char ours[] = "\x08http/1.1";
  const int r = SSL_select_next_proto(const_cast<unsigned char**>(out), out_length, ours, sizeof(ours) - 1, in, in_length);
  return r == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

}  // namespace

TlsContext::TlsContext(const Tls& tls) : context_(SSL_CTX_new(TLS_server_method())) {
  if (!context_) throw Error(Code::internal, "TLS: no context: " + openssl_reason());
  try {
    SSL_CTX_set_min_proto_version(context_, TLS1_2_VERSION);
    SSL_CTX_set_options(context_,
                        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
    // Released buffers: thousands of idle connections would hold 34 KiB each.
    SSL_CTX_set_mode(context_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_default_passwd_cb(context_, no_pass_phrase);
    SSL_CTX_set_alpn_select_cb(context_, select_http11, nullptr);
    const std::string& key = tls.key_file.empty() ? tls.certificate_file : tls.key_file;
    if (SSL_CTX_use_certificate_chain_file(context_, tls.certificate_file.c_str()) != 1) refuse("certificate file", tls.certificate_file);
    if (SSL_CTX_use_PrivateKey_file(context_, key.c_str(), SSL_FILETYPE_PEM) != 1) refuse("key file", key);
    if (SSL_CTX_check_private_key(context_) != 1) refuse("key file (it does not belong to the certificate)", key);
    if (!tls.client_ca_file.empty()) {
      if (SSL_CTX_load_verify_locations(context_, tls.client_ca_file.c_str(), nullptr) != 1) refuse("client CA file", tls.client_ca_file);
      SSL_CTX_set_client_CA_list(context_, SSL_load_client_CA_file(tls.client_ca_file.c_str()));
      SSL_CTX_set_verify(context_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
      static constexpr unsigned char session_context[] = "operon";
      SSL_CTX_set_session_id_context(context_, session_context, sizeof(session_context) - 1);
    }
  } catch (...) {
    SSL_CTX_free(context_);
    throw;
  }
}

TlsContext::~TlsContext() {
  SSL_CTX_free(context_);
}

Transport::Transport(base::Fd fd, const TlsContext* tls) : fd_(std::move(fd)) {
  if (!tls) return;
  ssl_ = SSL_new(tls->get());
  if (!ssl_ || SSL_set_fd(ssl_, fd_.get()) != 1) {
    SSL_free(ssl_);
    throw Error(Code::resource_exhausted, "TLS: no memory for a connection");
  }
  SSL_set_accept_state(ssl_);
}

Transport::Transport(Transport&& other) noexcept : fd_(std::move(other.fd_)), ssl_(std::exchange(other.ssl_, nullptr)) {}

Transport& Transport::operator=(Transport&& other) noexcept {
  if (this != &other) {
    SSL_free(ssl_);
    fd_ = std::move(other.fd_);
    ssl_ = std::exchange(other.ssl_, nullptr);
  }
  return *this;
}

Transport::~Transport() {
  SSL_free(ssl_);
}

Transport::State Transport::after_tls_call(int result) noexcept {
  const int error = SSL_get_error(ssl_, result);
  ERR_clear_error();
  return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? State::again : State::closed;
}

Transport::State Transport::handshake() noexcept {
  if (!ssl_ || SSL_is_init_finished(ssl_)) return State::ok;
  ERR_clear_error();
  const int r = SSL_do_handshake(ssl_);
  return r == 1 ? State::ok : after_tls_call(r);
}

Transport::Result Transport::receive(char* into, size_t max) noexcept {
  if (ssl_) {
    ERR_clear_error();
    const int r = SSL_read(ssl_, into, static_cast<int>(std::min<size_t>(max, INT_MAX)));
    return r > 0 ? Result{State::ok, static_cast<size_t>(r)} : Result{after_tls_call(r), 0};
  }
  while (true) {
    const ssize_t n = ::recv(fd_.get(), into, max, 0);
    if (n > 0) return {State::ok, static_cast<size_t>(n)};
    if (n < 0 && errno == EINTR) continue;
    return {n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? State::again : State::closed, 0};
  }
}

Transport::Result Transport::send(std::string_view data, bool more) noexcept {
  if (data.empty()) return {};
  if (ssl_) {
    ERR_clear_error();
    const int r = SSL_write(ssl_, data.data(), static_cast<int>(std::min<size_t>(data.size(), INT_MAX)));
    return r > 0 ? Result{State::ok, static_cast<size_t>(r)} : Result{after_tls_call(r), 0};
  }
  while (true) {
    const ssize_t n = ::send(fd_.get(), data.data(), data.size(), MSG_NOSIGNAL | (more ? MSG_MORE : 0));
    if (n >= 0) return {State::ok, static_cast<size_t>(n)};
    if (errno == EINTR) continue;
    return {errno == EAGAIN || errno == EWOULDBLOCK ? State::again : State::closed, 0};
  }
}

void Transport::shutdown_send() noexcept {
  if (ssl_ && SSL_is_init_finished(ssl_)) {
    ERR_clear_error();
    SSL_shutdown(ssl_);
    ERR_clear_error();
  }
  ::shutdown(fd_.get(), SHUT_WR);
}

size_t Transport::queued_bytes() const noexcept {
  int n = 0;
  return ::ioctl(fd_.get(), SIOCOUTQ, &n) == 0 && n > 0 ? static_cast<size_t>(n) : 0;
}

void Transport::shutdown_both() noexcept {
  ::shutdown(fd_.get(), SHUT_RDWR);
}

}  // namespace operon::http
