#include "core/kube/transfer.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/socket.h>

#include <algorithm>

#include "core/base/text.hpp"
#include "core/kube/status.hpp"
#include "core/log/log.hpp"
#include "core/net/curl_library.hpp"
#include "core/net/url.hpp"
#include "operon/kubeconfig/kubeconfig.hpp"

namespace operon::kube {
namespace {

using net::curl_library;
using std::chrono::milliseconds;

constexpr size_t error_body_bytes_max = 1u << 20;
/// Of a stream, read by threads that only wanted to send a request: more stays with libcurl until the client's thread comes.
constexpr size_t late_bytes_max = 1u << 20;
/// Of libcurl, for each request with a body; its own 64 KiB make the allocator tidy up every time they are given back.
constexpr long upload_buffer_bytes = 16 << 10;

bool unreserved(unsigned char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_' || c == '~';
}

void append_escaped(std::string& to, std::string_view text) {
  static constexpr char digits[] = "0123456789ABCDEF";
  for (const unsigned char c : text) {
    if (unreserved(c)) {
      to += static_cast<char>(c);
    } else {
      to += {'%', digits[c >> 4], digits[c & 15]};
    }
  }
}

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

}  // namespace

std::string query_text(const Query& query) {
  std::string text;
  for (const auto& [name, value] : query) {
    text += text.empty() ? '?' : '&';
    append_escaped(text, name);
    text += '=';
    append_escaped(text, value);
  }
  return text;
}

void check(const Request& request) {
  const auto upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (request.method.empty() || !std::all_of(request.method.begin(), request.method.end(), upper)) {
    throw Error(Code::invalid_argument, "method: must be GET, POST or another upper-case HTTP method");
  }
  const auto plain = [](unsigned char c) { return c > ' ' && c < 0x7f && c != '?' && c != '#' && c != '\\'; };
  if (request.path.empty() || request.path.front() != '/' || !std::all_of(request.path.begin(), request.path.end(), plain)) {
    throw Error(Code::invalid_argument, "path: must begin with a slash and be escaped, without a query: " + base::printable(request.path));
  }
  for (const auto& [name, value] : request.headers) {
    if (name.empty() || name.find_first_of(std::string_view(": \t\r\n\0", 6)) != std::string::npos ||
        value.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
      throw Error(Code::invalid_argument, "headers: " + base::printable(name, 60) + " cannot be sent");
    }
  }
}

std::string connection_url(const ClusterConfig& config) {
  if (config.tls_server_name.empty()) return config.server;
  const auto server = net::parse_url(config.server);
  return server.scheme + "://" + config.tls_server_name + ":" + server.port + path_of(config.server);
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

CURLU* ServerAddress::to(const std::string& path, const std::string& query) const {
  const auto& curl = curl_library();
  CURLU* address = parsed_ ? curl.url_dup(parsed_) : nullptr;
  if (address == nullptr) return nullptr;
  if (curl.url_set(address, CURLUPART_PATH, (base_path_ + path).c_str(), 0) == CURLUE_OK &&
      (query.empty() || curl.url_set(address, CURLUPART_QUERY, query.c_str() + 1, 0) == CURLUE_OK)) {
    return address;
  }
  curl.url_cleanup(address);
  return nullptr;
}

TlsNames prepare_connection(CURL* easy, const TransferSettings& settings, const Identity& identity, const std::string& url_path) {
  const auto& curl = curl_library();
  const ClusterConfig& config = settings.config;
  TlsNames names{connection_url(config) + url_path, {}};
  if (!config.tls_server_name.empty()) {
    // The name that is checked and sent in the handshake is the URL's; the connection goes to where the configuration says.
    const auto server = net::parse_url(config.server);
    const std::string host = server.host.find(':') != std::string::npos ? "[" + server.host + "]" : server.host;
    names.host_header = host + ":" + server.port;
    names.connect_to = curl.slist_append(nullptr, ("::" + host + ":" + server.port).c_str());
    curl.easy_setopt(easy, CURLOPT_CONNECT_TO, names.connect_to);
  }
  curl.easy_setopt(easy, CURLOPT_URL, names.url.c_str());
  curl.easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl.easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl.easy_setopt(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  curl.easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(settings.limits.connect_ms_max.count()));
  const long keep_s = std::max<long>(1, static_cast<long>(settings.limits.keep_alive_ms.count() / 2000));
  curl.easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl.easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, keep_s);
  curl.easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, keep_s);
  curl.easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, &on_socket);
  curl.easy_setopt(easy, CURLOPT_SOCKOPTDATA, &settings.limits);
  if (!config.link_local) curl.easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &open_elsewhere);
  curl.easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  if (!config.proxy_url.empty()) curl.easy_setopt(easy, CURLOPT_PROXY, config.proxy_url.c_str());
  if (!identity.ca_pem.empty()) {
    set_blob(easy, CURLOPT_CAINFO_BLOB, identity.ca_pem);
    curl.easy_setopt(easy, CURLOPT_CAPATH, nullptr);
  }
  if (config.insecure) {
    curl.easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
    curl.easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  if (!identity.certificate_pem.empty()) {
    set_blob(easy, CURLOPT_SSLCERT_BLOB, identity.certificate_pem);
    set_blob(easy, CURLOPT_SSLKEY_BLOB, identity.key_pem);
  }
  return names;
}

Transfer::Transfer(Client::Id id, Request request, Client::Done done, const TransferSettings& settings, Untold& untold)
    : id_(id),
      request_(std::move(request)),
      stream_(false),
      done_(std::move(done)),
      settings_(settings),
      untold_(untold),
      began_(std::chrono::steady_clock::now()),
      deadline_(began_ + (request_.timeout.count() > 0 ? request_.timeout : settings.limits.timeout_ms_default)) {}

Transfer::Transfer(Client::Id id, Request request, StreamHandler handler, const TransferSettings& settings, Untold& untold)
    : id_(id),
      request_(std::move(request)),
      stream_(true),
      handler_(std::move(handler)),
      settings_(settings),
      untold_(untold),
      began_(std::chrono::steady_clock::now()),
      deadline_(request_.timeout.count() > 0 ? began_ + request_.timeout : std::chrono::steady_clock::time_point::max()) {}

Transfer::~Transfer() {
  if (easy_ != nullptr) curl_library().easy_cleanup(easy_);
  if (sent_headers_ != nullptr) curl_library().slist_free_all(sent_headers_);
  if (connect_to_ != nullptr) curl_library().slist_free_all(connect_to_);
  if (address_ != nullptr) curl_library().url_cleanup(address_);
}

bool Transfer::prepare(std::shared_ptr<const Identity> identity, const ServerAddress& server) {
  const auto& curl = curl_library();
  if (identity_) curl.easy_reset(easy_);  // the second time
  if (easy_ == nullptr) easy_ = curl.easy_init();
  if (easy_ == nullptr) return false;
  curl.slist_free_all(connect_to_);
  identity_ = std::move(identity);
  response_ = Response{};
  header_bytes_ = 0;
  error_text_[0] = 0;
  const std::string query = query_text(request_.query);
  const auto names = prepare_connection(easy_, settings_, *identity_, request_.path + query);
  if (address_ != nullptr || (address_ = server.to(request_.path, query)) != nullptr) curl.easy_setopt(easy_, CURLOPT_CURLU, address_);
  connect_to_ = names.connect_to;
  curl.easy_setopt(easy_, CURLOPT_PRIVATE, this);
  curl.easy_setopt(easy_, CURLOPT_ERRORBUFFER, error_text_);
  if (deadline_ != std::chrono::steady_clock::time_point::max()) {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline_ - std::chrono::steady_clock::now()).count();
    curl.easy_setopt(easy_, CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<int64_t>(left, 1)));
  }
  if (request_.own_connection) {
    curl.easy_setopt(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl.easy_setopt(easy_, CURLOPT_FRESH_CONNECT, 1L);
    curl.easy_setopt(easy_, CURLOPT_FORBID_REUSE, 1L);
  } else {
    curl.easy_setopt(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
    // No CURLOPT_PIPEWAIT: what libcurl 7.88 lets wait for a connection to share, it may let wait for ever, past its time-out. A first
    // burst opens some connections more instead, and the next requests share them.
  }
  curl.easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  curl.easy_setopt(easy_, CURLOPT_WRITEDATA, this);
  curl.easy_setopt(easy_, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
  curl.easy_setopt(easy_, CURLOPT_HEADERDATA, this);
  curl.easy_setopt(easy_, CURLOPT_USERAGENT, "operon/" OPERON_VERSION_TEXT);
  set_request(names.host_header);
  return true;
}

void Transfer::set_request(const std::string& host_header) {
  const auto& curl = curl_library();
  curl.slist_free_all(sent_headers_);
  sent_headers_ = nullptr;
  const auto add = [&](const std::string& line) { sent_headers_ = curl.slist_append(sent_headers_, line.c_str()); };
  if (!host_header.empty()) add("Host: " + host_header);
  add("Accept: " + request_.accept);
  add("Expect:");
  if (!identity_->authorization.empty()) add("Authorization: " + identity_->authorization);
  for (const auto& [name, value] : request_.headers) add(value.empty() ? name + ";" : name + ": " + value);
  const bool carries = !request_.body.empty() || request_.method == "POST" || request_.method == "PUT" || request_.method == "PATCH";
  if (carries) {
    add("Content-Type: " + (request_.content_type.empty() ? "application/json" : request_.content_type));
    curl.easy_setopt(easy_, CURLOPT_POST, 1L);
    curl.easy_setopt(easy_, CURLOPT_UPLOAD_BUFFERSIZE, upload_buffer_bytes);
    curl.easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
    curl.easy_setopt(easy_, CURLOPT_POSTFIELDS, request_.body.data());
  }
  curl.easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  curl.easy_setopt(easy_, CURLOPT_HTTPHEADER, sent_headers_);
}

size_t Transfer::on_body(char* data, size_t, size_t bytes, void* self) {
  return static_cast<Transfer*>(self)->take({data, bytes});
}

size_t Transfer::take(std::string_view data) {
  if (response_.status == 0) {
    long status = 0;
    curl_library().easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
    response_.status = static_cast<int>(status);
  }
  if (stream_ && response_.status / 100 == 2) {
    if (thread_of != &untold_) {
      untold_.streams.push_back(id_);
      if (late_.size() + data.size() > late_bytes_max) return CURL_WRITEFUNC_PAUSE;
      late_.append(data);
      return data.size();
    }
    return tell() && tell(data) ? data.size() : CURL_WRITEFUNC_PAUSE;
  }
  const size_t limit =
      stream_ ? error_body_bytes_max
              : std::min(request_.response_bytes_max.value_or(settings_.limits.response_bytes_max), settings_.limits.response_bytes_max);
  if (response_.body.size() + data.size() > limit) {
    too_large_ = true;
    return 0;
  }
  response_.body.append(data);
  return data.size();
}

bool Transfer::tell(std::string_view data) {
  if (!head_told_ && handler_.head) handler_.head(response_);
  head_told_ = true;
  return handler_.chunk(data);
}

bool Transfer::tell() {
  if (late_.empty()) return true;
  if (!tell(late_)) return false;
  std::string().swap(late_);
  return true;
}

size_t Transfer::on_header(char* data, size_t, size_t bytes, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const std::string_view line(data, bytes);
  if (line.starts_with("HTTP/")) {  // an interim answer came before
    transfer.response_.headers.clear();
    return bytes;
  }
  transfer.header_bytes_ += bytes;
  if (transfer.header_bytes_ > transfer.settings_.limits.response_header_bytes_max) {
    transfer.too_large_ = true;
    return 0;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return bytes;
  std::string name(line.substr(0, colon));
  std::transform(name.begin(), name.end(), name.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  auto value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == '\r' || value.back() == '\n' || value.back() == ' ')) value.remove_suffix(1);
  if (name == "content-length" && !transfer.stream_) {
    // Room for the whole, so that it does not grow by copying; a server's word is believed up to a megabyte.
    transfer.response_.body.reserve(std::min<size_t>(std::strtoul(std::string(value).c_str(), nullptr, 10), 1u << 20) +
                                    Response::body_padding);
  }
  transfer.response_.headers.emplace_back(std::move(name), std::string(value));
  return bytes;
}

bool Transfer::finish(CURLcode code) {
  long status = 0;
  curl_library().easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  response_.status = static_cast<int>(status);
  finished_ = true;
  if (code != CURLE_OK) {
    error_ = failure(code);
    return true;
  }
  if (status == 401 && !refused_once_) {
    refused_once_ = true;
    finished_ = false;
    return false;
  }
  response_.body.reserve(response_.body.size() + Response::body_padding);
  return true;
}

void Transfer::end() {
  if (error_) {
    end(Error(*error_));
  } else if (!stream_) {
    done_(std::move(response_));
  } else if (response_.status / 100 != 2) {
    handler_.done(error_of(response_, where()));
  } else {
    if (!head_told_ && handler_.head) handler_.head(response_);
    handler_.done(std::nullopt);
  }
}

void Transfer::end(const Error& error) {
  if (stream_) {
    handler_.done(error);
  } else {
    done_(error);
  }
}

void Transfer::resume() {
  if (tell() && !finished_) curl_library().easy_pause(easy_, CURLPAUSE_CONT);
}

std::string Transfer::where() const {
  return request_.method + " " + base::printable(request_.path);
}

Error Transfer::deadline_error() const {
  const auto ms = std::chrono::duration_cast<milliseconds>(deadline_ - began_).count();
  return Error(Code::deadline_exceeded, where() + ": no complete answer within " + std::to_string(ms) + " ms").with_reason("Lost");
}

Error Transfer::failure(CURLcode code) const {
  if (too_large_) {
    return Error(Code::resource_exhausted, where() + ": the answer is larger than allowed (" +
                                               base::bytes_text(settings_.limits.response_bytes_max) + ", header " +
                                               base::bytes_text(settings_.limits.response_header_bytes_max) + ")");
  }
  if (code == CURLE_OPERATION_TIMEDOUT && std::chrono::steady_clock::now() + milliseconds(5) >= deadline_) return deadline_error();
  const std::string words = error_text_[0] != 0 ? base::printable(error_text_) : curl_library().easy_strerror(code);
  curl_off_t connected_us = 0, sent = 0;
  curl_library().easy_getinfo(easy_, CURLINFO_PRETRANSFER_TIME_T, &connected_us);
  curl_library().easy_getinfo(easy_, CURLINFO_SIZE_UPLOAD_T, &sent);
  const bool never_sent = connected_us == 0 && sent == 0;
  return Error(Code::unavailable, where() + ": " + words).with_reason(never_sent ? "NotSent" : "Lost");
}

}  // namespace operon::kube
