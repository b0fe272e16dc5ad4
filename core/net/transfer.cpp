#include "core/net/transfer.hpp"

#include <arpa/inet.h>
#include <strings.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>

#include "core/base/text.hpp"
#include "core/net/curl_library.hpp"
#include "core/net/url.hpp"
#include "operon/kubeconfig/kubeconfig.hpp"

namespace operon::net {
namespace {

constexpr size_t method_bytes_max = 20;
constexpr size_t request_header_bytes_max = 64 << 10;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool starts_with_word(const std::string& name, const char* word) {
  return strncasecmp(name.c_str(), word, std::string_view(word).size()) == 0;
}

bool has(const Headers& headers, const char* name) {
  return std::any_of(headers.begin(), headers.end(), [&](const auto& header) { return strcasecmp(header.first.c_str(), name) == 0; });
}

bool token_char(char c) {
  return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

size_t body_bytes_max(const Request& request, const ClientLimits& limits) {
  return std::min(request.response_bytes_max.value_or(limits.response_bytes_max), limits.response_bytes_max);
}

}  // namespace

void check(const Request& request) {
  const auto upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (request.method.empty() || request.method.size() > method_bytes_max ||
      !std::all_of(request.method.begin(), request.method.end(), upper) || request.method == "CONNECT") {
    throw Error(Code::invalid_argument, "method: must be GET, POST or another upper-case HTTP method");
  }
  parse_url(request.url);
  size_t bytes = 0;
  for (const auto& [name, value] : request.headers) {
    bytes += name.size() + value.size() + 4;
    if (name.empty() || !std::all_of(name.begin(), name.end(), token_char)) {
      throw Error(Code::invalid_argument, "headers: \"" + base::printable(name, 60) + "\" is not a header's name");
    }
    if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
      throw Error(Code::invalid_argument, "headers: the value of " + name + " has a line break or NUL in it");
    }
    for (const char* ours : {"host", "content-length", "transfer-encoding", "connection", "expect"}) {
      if (strcasecmp(name.c_str(), ours) == 0) throw Error(Code::invalid_argument, "headers: " + name + " is set by the client itself");
    }
  }
  if (bytes > request_header_bytes_max)
    throw Error(Code::invalid_argument, "headers: more than " + base::bytes_text(request_header_bytes_max));
}

Transfer::Transfer(Client::Id id, Request request, Client::Done done, const ClientLimits& limits)
    : id_(id),
      request_(std::move(request)),
      done_(std::move(done)),
      limits_(limits),
      began_(std::chrono::steady_clock::now()),
      deadline_(began_ + (request_.timeout.count() > 0 ? request_.timeout : limits.timeout_ms_default)) {}

Transfer::~Transfer() {
  if (easy_ != nullptr) curl_library().easy_cleanup(easy_);
  curl_library().slist_free_all(sent_headers_);
}

/// A name was looked up: this is what it stands for, whoever owns the name.
curl_socket_t Transfer::open_elsewhere(void* self, curlsocktype, curl_sockaddr* address) {
  if (address->family != AF_INET && address->family != AF_INET6) return CURL_SOCKET_BAD;
  const bool six = address->family == AF_INET6;
  const void* bytes = six ? static_cast<const void*>(&reinterpret_cast<sockaddr_in6*>(&address->addr)->sin6_addr)
                          : &reinterpret_cast<sockaddr_in*>(&address->addr)->sin_addr;
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(address->family, bytes, text, sizeof text);
  if (!kubeconfig::link_local_host(six ? "https://[" + std::string(text) + "]" : "https://" + std::string(text)).empty()) {
    static_cast<Transfer*>(self)->refused_link_local_ = true;
    return CURL_SOCKET_BAD;
  }
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/// Before anything is sent: the connection may be a kept one, which somebody opened who may ask such addresses.
int Transfer::ask_elsewhere(void* self, char* address, char*, int, int) {
  const std::string text(address);
  const bool six = text.find(':') != std::string::npos;
  if (kubeconfig::link_local_host(six ? "https://[" + text + "]" : "https://" + text).empty()) return CURL_PREREQFUNC_OK;
  static_cast<Transfer*>(self)->refused_link_local_ = true;
  return CURL_PREREQFUNC_ABORT;
}

bool Transfer::prepare() {
  const auto& curl = curl_library();
  if (easy_ == nullptr) easy_ = curl.easy_init();
  if (easy_ == nullptr) return false;
  curl.easy_reset(easy_);
  reply_ = Reply{};
  reply_.url = request_.url;
  header_bytes_ = 0;
  overflow_ = Overflow::none;
  error_text_[0] = 0;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now()).count();
  curl.easy_setopt(easy_, CURLOPT_PRIVATE, this);
  curl.easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  curl.easy_setopt(easy_, CURLOPT_ERRORBUFFER, error_text_);
  curl.easy_setopt(easy_, CURLOPT_URL, request_.url.c_str());
  curl.easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  curl.easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, 0L);
  curl.easy_setopt(easy_, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  curl.easy_setopt(easy_, CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<int64_t>(left, 1)));
  curl.easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(limits_.connect_ms_max.count()));
  curl.easy_setopt(easy_, CURLOPT_TCP_KEEPALIVE, 1L);
  curl.easy_setopt(easy_, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl.easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  curl.easy_setopt(easy_, CURLOPT_WRITEDATA, this);
  curl.easy_setopt(easy_, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
  curl.easy_setopt(easy_, CURLOPT_HEADERDATA, this);
  if (!has(request_.headers, "accept-encoding")) curl.easy_setopt(easy_, CURLOPT_ACCEPT_ENCODING, "");
  if (!has(request_.headers, "user-agent")) curl.easy_setopt(easy_, CURLOPT_USERAGENT, "operon/" OPERON_VERSION_TEXT);
  if (!limits_.ca_bundle_file.empty()) curl.easy_setopt(easy_, CURLOPT_CAINFO, limits_.ca_bundle_file.c_str());
  if (!request_.ca_bundle.empty()) {
    curl_blob blob{request_.ca_bundle.data(), request_.ca_bundle.size(), CURL_BLOB_NOCOPY};
    curl.easy_setopt(easy_, CURLOPT_CAINFO_BLOB, &blob);
    curl.easy_setopt(easy_, CURLOPT_CAPATH, nullptr);
  }
  if (request_.insecure_skip_verify) {
    curl.easy_setopt(easy_, CURLOPT_SSL_VERIFYPEER, 0L);
    curl.easy_setopt(easy_, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  if (!request_.link_local) {
    curl.easy_setopt(easy_, CURLOPT_OPENSOCKETFUNCTION, &Transfer::open_elsewhere);
    curl.easy_setopt(easy_, CURLOPT_OPENSOCKETDATA, this);
    curl.easy_setopt(easy_, CURLOPT_PREREQFUNCTION, &Transfer::ask_elsewhere);
    curl.easy_setopt(easy_, CURLOPT_PREREQDATA, this);
  }
  set_body_and_method();
  set_headers();
  return true;
}

void Transfer::set_body_and_method() {
  if (request_.method == "HEAD") {
    curl_library().easy_setopt(easy_, CURLOPT_NOBODY, 1L);
    return;
  }
  const bool carries = !request_.body.empty() || request_.method == "POST" || request_.method == "PUT" || request_.method == "PATCH";
  if (carries) {
    curl_library().easy_setopt(easy_, CURLOPT_POST, 1L);
    curl_library().easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
    curl_library().easy_setopt(easy_, CURLOPT_POSTFIELDS, request_.body.data());
  }
  curl_library().easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
}

void Transfer::set_headers() {
  curl_library().slist_free_all(sent_headers_);
  sent_headers_ = nullptr;
  for (const auto& [name, value] : request_.headers) {
    // libcurl's way to send a header without a value is a semicolon; "Name:" would take it away.
    sent_headers_ = curl_library().slist_append(sent_headers_, (value.empty() ? name + ";" : name + ": " + value).c_str());
  }
  sent_headers_ = curl_library().slist_append(sent_headers_, "Expect:");
  if (!has(request_.headers, "content-type")) sent_headers_ = curl_library().slist_append(sent_headers_, "Content-Type:");
  curl_library().easy_setopt(easy_, CURLOPT_HTTPHEADER, sent_headers_);
}

size_t Transfer::on_body(char* data, size_t, size_t bytes, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  if (transfer.reply_.body.size() + bytes > body_bytes_max(transfer.request_, transfer.limits_)) {
    transfer.overflow_ = Overflow::body;
    return 0;
  }
  transfer.reply_.body.append(data, bytes);
  return bytes;
}

size_t Transfer::on_header(char* data, size_t, size_t bytes, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  std::string_view line(data, bytes);
  if (line.starts_with("HTTP/")) {  // an interim answer came before
    transfer.reply_.headers.clear();
    return bytes;
  }
  transfer.header_bytes_ += bytes;
  if (transfer.header_bytes_ > transfer.limits_.response_header_bytes_max) {
    transfer.overflow_ = Overflow::header;
    return 0;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos)
    return transfer.overflow_ == Overflow::body && line.find_first_not_of("\r\n") == line.npos ? 0 : bytes;
  std::string name(line.substr(0, colon));
  std::transform(name.begin(), name.end(), name.begin(), lower);
  auto value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == '\r' || value.back() == '\n' || value.back() == ' ')) value.remove_suffix(1);
  uint64_t announced = 0;
  if (name == "content-length" && transfer.request_.method != "HEAD" &&
      std::from_chars(value.data(), value.data() + value.size(), announced).ec == std::errc() &&
      announced > body_bytes_max(transfer.request_, transfer.limits_)) {
    transfer.overflow_ = Overflow::body;  // without waiting for what is only announced
    if (!transfer.may_redirect(transfer.status())) return 0;
  }
  transfer.reply_.headers.emplace_back(std::move(name), std::string(value));
  return bytes;
}

int Transfer::status() const {
  long status = 0;
  curl_library().easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  return static_cast<int>(status);
}

bool Transfer::may_redirect(int status) const {
  return request_.follow_redirects && (status == 301 || status == 302 || status == 303 || status == 307 || status == 308);
}

bool Transfer::redirect() {
  const int status = reply_.status;
  if (!may_redirect(status)) return false;
  const auto location =
      std::find_if(reply_.headers.begin(), reply_.headers.end(), [](const auto& header) { return header.first == "location"; });
  if (location == reply_.headers.end()) return false;
  const auto next = resolve(request_.url, location->second);
  if (next.empty()) return false;  // to another scheme: the answer itself is all there is
  const bool keeps_method = status == 307 || status == 308 || request_.method == "GET" || request_.method == "HEAD";
  const bool same = same_origin(parse_url(request_.url), parse_url(next));
  if (!same && keeps_method && !request_.body.empty()) return false;  // bodies carry credentials too
  if (++redirects_ > limits_.redirects_max) return false;
  if (!keeps_method && (status == 303 || request_.method == "POST")) {
    request_.method = "GET";
    request_.body.clear();
    std::erase_if(request_.headers, [](const auto& header) { return starts_with_word(header.first, "content-"); });
  } else if (!same && !request_.body.empty()) {
    return false;
  }
  if (!same) {
    std::erase_if(request_.headers, [](const auto& header) {
      return !starts_with_word(header.first, "accept") && !starts_with_word(header.first, "content-") &&
             strcasecmp(header.first.c_str(), "user-agent") != 0;
    });
  }
  request_.url = next;
  return true;
}

bool Transfer::finish(CURLcode code, std::optional<Result>& result) {
  reply_.status = status();
  // What comes with a redirect is of no use, be it ever so long; it ended where it was too much.
  const bool passed_over = code == CURLE_WRITE_ERROR && overflow_ == Overflow::body && may_redirect(reply_.status);
  if (code != CURLE_OK && !passed_over) {
    result = failure(code);
    return false;
  }
  const auto before = redirects_;
  if (redirect()) return true;
  if (redirects_ != before) {
    result = Error(Code::unavailable, where() + ": more than " + std::to_string(limits_.redirects_max) + " redirects");
    return false;
  }
  if (passed_over) {  // it leads nowhere: then it is the answer
    result = failure(code);
    return false;
  }
  if (!has(request_.headers, "accept-encoding")) {
    const bool packed = has(reply_.headers, "content-encoding");
    std::erase_if(reply_.headers,
                  [&](const auto& header) { return packed && (header.first == "content-encoding" || header.first == "content-length"); });
  }
  result = std::move(reply_);
  return false;
}

std::string Transfer::where() const {
  return request_.method + " " + shown(request_.url);
}

Error Transfer::deadline_error() const {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - began_).count();
  return Error(Code::deadline_exceeded, where() + ": no complete answer within " + std::to_string(ms) + " ms");
}

std::optional<Error> Transfer::refusal() const {
  if (request_.link_local || kubeconfig::link_local_host(request_.url).empty()) return std::nullopt;
  return link_local_error();
}

Error Transfer::link_local_error() const {
  return Error(Code::unavailable, where() + ": leads to a link-local or cloud metadata address, which is not asked from here");
}

Error Transfer::failure(CURLcode code) const {
  if (refused_link_local_) return link_local_error();
  if (overflow_ == Overflow::body) {
    return Error(Code::resource_exhausted, where() + ": the answer is larger than " + base::bytes_text(body_bytes_max(request_, limits_)));
  }
  if (overflow_ == Overflow::header) {
    return Error(Code::resource_exhausted,
                 where() + ": the answer's header is larger than " + base::bytes_text(limits_.response_header_bytes_max));
  }
  const std::string reason = error_text_[0] != 0 ? base::printable(error_text_) : curl_library().easy_strerror(code);
  if (code == CURLE_OPERATION_TIMEDOUT && std::chrono::steady_clock::now() + std::chrono::milliseconds(5) >= deadline_)
    return deadline_error();
  return Error(Code::unavailable, where() + ": " + reason);
}

}  // namespace operon::net
