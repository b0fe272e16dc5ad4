#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>

#include "client.hpp"
#include "operon/error.hpp"

using namespace operon::http;
using namespace operon::http::test;

namespace {

/// A folder with a self-signed certificate, made afresh.
struct Certificate {
  std::filesystem::path folder = std::filesystem::temp_directory_path() / ("operon-tls-" + std::to_string(::getpid()));
  Certificate() {
    std::filesystem::create_directories(folder);
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* x = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("localhost"), -1, -1,
                               0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    X509_sign(x, key, EVP_sha256());
    FILE* f = std::fopen(certificate().c_str(), "w");
    PEM_write_X509(f, x);
    std::fclose(f);
    f = std::fopen(this->key().c_str(), "w");
    PEM_write_PrivateKey(f, key, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(f);
    X509_free(x);
    EVP_PKEY_free(key);
  }
  ~Certificate() { std::filesystem::remove_all(folder); }
  std::string certificate() const { return folder / "cert.pem"; }
  std::string key() const { return folder / "key.pem"; }
};

struct TlsPeer {
  Peer peer;
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL* ssl = nullptr;
  explicit TlsPeer(const std::string& address, const Certificate* own = nullptr) : peer(address) {
    if (own) {
      SSL_CTX_use_certificate_file(context, own->certificate().c_str(), SSL_FILETYPE_PEM);
      SSL_CTX_use_PrivateKey_file(context, own->key().c_str(), SSL_FILETYPE_PEM);
    }
    ssl = SSL_new(context);
    SSL_set_fd(ssl, peer.fd());
  }
  ~TlsPeer() {
    SSL_free(ssl);
    SSL_CTX_free(context);
  }
  bool connect() { return SSL_connect(ssl) == 1; }
  void send(std::string_view s) { SSL_write(ssl, s.data(), static_cast<int>(s.size())); }
  std::string read_until(std::string_view end) {
    std::string out;
    char c = 0;
    while (!out.ends_with(end) && SSL_read(ssl, &c, 1) == 1) out += c;
    return out;
  }
};

}  // namespace

TEST_CASE("TLS: requests, workers and streams, and peers that only pretend") {
  Certificate certificate;
  ServerLimits limits;
  limits.header_ms_max = 300ms;
  TestServer server(limits, {}, Tls{certificate.certificate(), certificate.key(), ""});
  Peer silent(server.address()), plain(server.address());
  plain.send(get("/health"));
  CHECK(plain.read_to_end().find("HTTP/1.1 200") == std::string::npos);

  FedSource fed;
  server.make_source = [&] { return fed.source(); };
  TlsPeer peer(server.address());
  REQUIRE(peer.connect());
  for (int i = 0; i < 3; ++i) {
    peer.send(get("/health"));
    CHECK(peer.read_until("healthy\"}\n").starts_with("HTTP/1.1 200"));
    peer.send(post("/echo", std::string(60000, 'x') + "END"));
    CHECK(peer.read_until("END").ends_with(std::string(60000, 'x') + "END"));
  }
  peer.send(get("/stream"));
  peer.read_until("\r\n\r\n");
  fed.feed("line\n");
  CHECK(peer.read_until("line\n") == "5\r\nline\n");
  const std::string large(3u << 20, 'y');
  fed.feed(large + "END");
  fed.end();
  std::string body = peer.read_until("0\r\n\r\n");
  CHECK(std::count(body.begin(), body.end(), 'y') == 3 << 20);
  CHECK(silent.closed(5s));  // no handshake in time
}

TEST_CASE("TLS: with a client CA only its certificates come in") {
  Certificate certificate;
  TestServer server({}, {}, Tls{certificate.certificate(), certificate.key(), certificate.certificate()});
  TlsPeer known(server.address(), &certificate);
  REQUIRE(known.connect());
  known.send(get("/health"));
  CHECK(known.read_until("healthy\"}\n").starts_with("HTTP/1.1 200"));
  TlsPeer stranger(server.address());
  stranger.connect();  // in TLS 1.3 the client learns of the refusal with its first read
  stranger.send(get("/health"));
  CHECK(stranger.read_until("\r\n").empty());
}

TEST_CASE("TLS: a file that cannot be used is named before anything listens") {
  Certificate certificate;
  Router router;
  Server no_key("x", {"127.0.0.1:0"}, router, {}, {}, Tls{certificate.certificate(), "/nonexistent/key.pem", ""});
  CHECK_THROWS_WITH(no_key.start(), Catch::Contains("TLS: key file '/nonexistent/key.pem' cannot be used"));
}
