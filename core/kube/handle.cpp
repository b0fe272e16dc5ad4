#include "core/kube/handle.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>

#include "core/log/log.hpp"
#include "core/net/curl_library.hpp"
#include "core/net/url.hpp"
#include "operon/error.hpp"
#include "operon/kubeconfig/kubeconfig.hpp"

namespace operon::kube {
namespace {

using net::curl_library;

/// Of libcurl, for each request with a body; its own 64 KiB make the allocator tidy up every time they are given back.
constexpr long upload_buffer_bytes = 16 << 10;

/// A peer that acknowledges nothing for this long is gone; otherwise requests would go on into a dead connection until each one's deadline.
int on_socket(void* limits, curl_socket_t socket, curlsocktype) {
  unsigned ms = static_cast<unsigned>(static_cast<const ClientLimits*>(limits)->keep_alive_ms.count());
  setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
  return CURL_SOCKOPT_OK;
}

/// A name was looked up: this is what it stands for. The kubeconfig's text was checked before, but whoever sent it may own the name.
curl_socket_t open_elsewhere(void*, curlsocktype, curl_sockaddr* address) {
  char text[INET6_ADDRSTRLEN] = {};
  const void* bytes = address->family == AF_INET6 ? static_cast<const void*>(&reinterpret_cast<sockaddr_in6*>(&address->addr)->sin6_addr)
                                                  : &reinterpret_cast<sockaddr_in*>(&address->addr)->sin_addr;
  if (address->family != AF_INET && address->family != AF_INET6) return CURL_SOCKET_BAD;
  inet_ntop(address->family, bytes, text, sizeof text);
  const std::string host = address->family == AF_INET6 ? "[" + std::string(text) + "]" : text;
  if (!kubeconfig::link_local_host("https://" + host).empty()) {
    log::warn("an API server's name stands for a link-local or metadata address, which is not asked", {{"address", text}});
    return CURL_SOCKET_BAD;
  }
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

std::string path_of(const std::string& url) {
  const auto slash = url.find('/', url.find("://") + 3);
  return slash == std::string::npos ? "" : url.substr(slash);
}

void set_blob(CURL* easy, CURLoption option, const std::string& bytes) {
  curl_blob blob{const_cast<char*>(bytes.data()), bytes.size(), CURL_BLOB_NOCOPY};
  curl_library().easy_setopt(easy, option, &blob);
}

/// libcurl looks for one before every request otherwise.
bool proxy_in_environment() {
  static constexpr const char* names[] = {"https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY"};
  return std::any_of(std::begin(names), std::end(names), [](const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr && *value != 0;
  });
}

}  // namespace

TransferSettings::TransferSettings(ClusterConfig c, ClientLimits l) : config(std::move(c)), limits(l), url(config.server) {
  if (config.tls_server_name.empty()) return;
  const auto server = net::parse_url(config.server);
  const std::string host = server.host.find(':') != std::string::npos ? "[" + server.host + "]" : server.host;
  url = server.scheme + "://" + config.tls_server_name + ":" + server.port + path_of(config.server);
  host_header = host + ":" + server.port;
  connect_to = "::" + host_header;
}

ServerAddress::ServerAddress(const std::string& url) : parsed_(curl_library().url()), base_path_(path_of(url)) {
  const auto& curl = curl_library();
  const bool right = curl.url_set(parsed_, CURLUPART_URL, url.c_str(), 0) == CURLUE_OK;
  char* zone = nullptr;  // libcurl 7.88 loses an IPv6 address's when it copies
  const bool zoned = curl.url_get(parsed_, CURLUPART_ZONEID, &zone, 0) == CURLUE_OK;
  curl.free(zone);
  if (right && !zoned) return;
  curl.url_cleanup(parsed_);
  parsed_ = nullptr;
}

ServerAddress::~ServerAddress() {
  if (parsed_ != nullptr) curl_library().url_cleanup(parsed_);
}

CURLU* ServerAddress::lead_to(const std::string& path, const std::string& query) {
  if (parsed_ == nullptr) return nullptr;
  const auto& curl = curl_library();
  const bool led = curl.url_set(parsed_, CURLUPART_PATH, (base_path_ + path).c_str(), 0) == CURLUE_OK &&
                   curl.url_set(parsed_, CURLUPART_QUERY, query.empty() ? nullptr : query.c_str() + 1, 0) == CURLUE_OK;
  return led ? parsed_ : nullptr;
}

Handle::Handle(const TransferSettings& settings, std::shared_ptr<const Identity> identity)
    : settings_(settings), identity_(std::move(identity)), address_(settings.url), easy_(curl_library().easy_init()) {
  if (easy_ == nullptr) throw Error(Code::resource_exhausted, "libcurl has no memory for a request");
  const auto& curl = curl_library();
  const ClusterConfig& config = settings.config;
  if (!settings.connect_to.empty()) {
    connect_to_ = curl.slist_append(nullptr, settings.connect_to.c_str());
    curl.easy_setopt(easy_, CURLOPT_CONNECT_TO, connect_to_);
  }
  curl.easy_setopt(easy_, CURLOPT_ERRORBUFFER, error_text_);
  curl.easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  curl.easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  curl.easy_setopt(easy_, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  curl.easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(settings.limits.connect_ms_max.count()));
  const long keep_s = std::max<long>(1, static_cast<long>(settings.limits.keep_alive_ms.count() / 2000));
  curl.easy_setopt(easy_, CURLOPT_TCP_KEEPALIVE, 1L);
  curl.easy_setopt(easy_, CURLOPT_TCP_KEEPIDLE, keep_s);
  curl.easy_setopt(easy_, CURLOPT_TCP_KEEPINTVL, keep_s);
  curl.easy_setopt(easy_, CURLOPT_SOCKOPTFUNCTION, &on_socket);
  curl.easy_setopt(easy_, CURLOPT_SOCKOPTDATA, &settings.limits);
  if (!config.link_local) curl.easy_setopt(easy_, CURLOPT_OPENSOCKETFUNCTION, &open_elsewhere);
  curl.easy_setopt(easy_, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  if (!config.proxy_url.empty()) {
    curl.easy_setopt(easy_, CURLOPT_PROXY, config.proxy_url.c_str());
  } else if (!proxy_in_environment()) {
    curl.easy_setopt(easy_, CURLOPT_PROXY, "");
    curl.easy_setopt(easy_, CURLOPT_NOPROXY, "");
  }
  if (!identity_->ca_pem.empty()) {
    set_blob(easy_, CURLOPT_CAINFO_BLOB, identity_->ca_pem);
    curl.easy_setopt(easy_, CURLOPT_CAPATH, nullptr);
  }
  if (config.insecure) {
    curl.easy_setopt(easy_, CURLOPT_SSL_VERIFYPEER, 0L);
    curl.easy_setopt(easy_, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  if (!identity_->certificate_pem.empty()) {
    set_blob(easy_, CURLOPT_SSLCERT_BLOB, identity_->certificate_pem);
    set_blob(easy_, CURLOPT_SSLKEY_BLOB, identity_->key_pem);
  }
  curl.easy_setopt(easy_, CURLOPT_USERAGENT, "operon/" OPERON_VERSION_TEXT);
  curl.easy_setopt(easy_, CURLOPT_UPLOAD_BUFFERSIZE, upload_buffer_bytes);
}

Handle::~Handle() {
  curl_library().easy_cleanup(easy_);
  curl_library().slist_free_all(connect_to_);
}

void Handle::lead_to(const std::string& path, const std::string& query) {
  CURLU* address = address_.lead_to(path, query);
  curl_library().easy_setopt(easy_, CURLOPT_CURLU, address);  // as it is when the request begins
  if (address == nullptr) curl_library().easy_setopt(easy_, CURLOPT_URL, (settings_.url + path + query).c_str());
}

bool Handle::retried() const {
  curl_off_t us = 0;  // until the last of them; following a server elsewhere would count, too, but that is not allowed
  curl_library().easy_getinfo(easy_, CURLINFO_REDIRECT_TIME_T, &us);
  return us > 0;
}

}  // namespace operon::kube
