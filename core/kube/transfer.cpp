#include "core/kube/transfer.hpp"

#include <strings.h>

#include <algorithm>
#include <charconv>

#include "core/base/text.hpp"
#include "core/kube/status.hpp"
#include "core/net/curl_library.hpp"

namespace operon::kube {
namespace {

using net::curl_library;
using std::chrono::milliseconds;

constexpr size_t error_body_bytes_max = 1u << 20;
/// Of a stream, read by threads that only wanted to send a request: more stays with libcurl until the client's thread comes.
constexpr size_t late_bytes_max = 1u << 20;

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
  handle_.reset();  // it looks at them
  curl_library().slist_free_all(sent_headers_);
}

void Transfer::prepare(std::unique_ptr<Handle> handle) {
  const auto& curl = curl_library();
  handle_ = std::move(handle);
  response_ = Response{};
  header_bytes_ = 0;
  CURL* easy = handle_->easy();
  handle_->lead_to(request_.path, query_text(request_.query));
  curl.easy_setopt(easy, CURLOPT_PRIVATE, this);
  long left_ms = 0;  // none
  if (deadline_ != std::chrono::steady_clock::time_point::max()) {
    left_ms = std::max<long>(std::chrono::duration_cast<milliseconds>(deadline_ - std::chrono::steady_clock::now()).count(), 1);
  }
  curl.easy_setopt(easy, CURLOPT_TIMEOUT_MS, left_ms);
  // No CURLOPT_PIPEWAIT: what libcurl 7.88 lets wait for a connection to share, it may let wait for ever, past its time-out. A first
  // burst opens some connections more instead, and the next requests share them.
  const long own = request_.own_connection ? 1 : 0;
  curl.easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(own ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS));
  curl.easy_setopt(easy, CURLOPT_FRESH_CONNECT, own);
  curl.easy_setopt(easy, CURLOPT_FORBID_REUSE, own);
  curl.easy_setopt(easy, CURLOPT_PREREQFUNCTION, &Transfer::on_sending);
  curl.easy_setopt(easy, CURLOPT_PREREQDATA, this);
  curl.easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  curl.easy_setopt(easy, CURLOPT_WRITEDATA, this);
  curl.easy_setopt(easy, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
  curl.easy_setopt(easy, CURLOPT_HEADERDATA, this);
  set_request();
}

void Transfer::set_request() {
  const auto& curl = curl_library();
  CURL* easy = handle_->easy();
  curl.slist_free_all(sent_headers_);
  sent_headers_ = nullptr;
  const auto add = [&](const std::string& line) { sent_headers_ = curl.slist_append(sent_headers_, line.c_str()); };
  const std::string& authorization = handle_->identity()->authorization;
  if (!settings_.host_header.empty()) add("Host: " + settings_.host_header);
  add("Accept: " + request_.accept);
  add("Expect:");
  if (!authorization.empty()) add("Authorization: " + authorization);
  for (const auto& [name, value] : request_.headers) add(value.empty() ? name + ";" : name + ": " + value);
  const bool carries = !request_.body.empty() || request_.method == "POST" || request_.method == "PUT" || request_.method == "PATCH";
  if (carries) {
    add("Content-Type: " + (request_.content_type.empty() ? "application/json" : request_.content_type));
    curl.easy_setopt(easy, CURLOPT_POST, 1L);
    curl.easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
    curl.easy_setopt(easy, CURLOPT_POSTFIELDS, request_.body.data());
  } else {
    curl.easy_setopt(easy, CURLOPT_HTTPGET, 1L);  // the request before may have carried something
  }
  curl.easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  curl.easy_setopt(easy, CURLOPT_HTTPHEADER, sent_headers_);
}

/// When a kept connection dies before a byte of the answer is there, libcurl takes it for one that had been dead and sends again over
/// another one, whatever the method. The server may well have done it: whether to repeat a write is not libcurl's to decide. (A stream
/// that an HTTP/2 server refuses comes here, too: libcurl does not tell them apart.)
int Transfer::on_sending(void* self, char*, char*, int, int) {
  auto& transfer = *static_cast<Transfer*>(self);
  curl_off_t sent_us = 0;  // when the request was out for the first time; 0: not yet
  curl_library().easy_getinfo(transfer.easy(), CURLINFO_PRETRANSFER_TIME_T, &sent_us);
  const bool reads = transfer.request_.method == "GET" || transfer.request_.method == "HEAD";
  return sent_us == 0 || reads ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

size_t Transfer::on_body(char* data, size_t, size_t bytes, void* self) {
  return static_cast<Transfer*>(self)->take({data, bytes});
}

size_t Transfer::take(std::string_view data) {
  if (response_.status == 0) {
    long status = 0;
    curl_library().easy_getinfo(easy(), CURLINFO_RESPONSE_CODE, &status);
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
    transfer.response_.retry_after.clear();
    return bytes;
  }
  transfer.header_bytes_ += bytes;
  if (transfer.header_bytes_ > transfer.settings_.limits.response_header_bytes_max) {
    transfer.too_large_ = true;
    return 0;
  }
  const auto value_of = [&](std::string_view name) -> std::optional<std::string_view> {
    if (line.size() <= name.size() || line[name.size()] != ':' || strncasecmp(data, name.data(), name.size()) != 0) return std::nullopt;
    const auto value = line.substr(name.size() + 1);
    const auto first = value.find_first_not_of(" \t"), last = value.find_last_not_of(" \t\r\n");
    return last == value.npos ? "" : value.substr(first, last - first + 1);
  };
  if (const auto length = value_of("content-length"); length && !transfer.stream_) {
    // Room for the whole, so that it does not grow by copying; a server's word is believed up to a megabyte.
    size_t expected = 0;
    std::from_chars(length->data(), length->data() + length->size(), expected);
    transfer.response_.body.reserve(std::min<size_t>(expected, 1u << 20) + Response::body_padding);
  } else if (const auto wait = value_of("retry-after")) {
    transfer.response_.retry_after = *wait;
  }
  return bytes;
}

bool Transfer::finish(CURLcode code) {
  long status = 0;
  curl_library().easy_getinfo(easy(), CURLINFO_RESPONSE_CODE, &status);
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
  if (tell() && !finished_) curl_library().easy_pause(easy(), CURLPAUSE_CONT);
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
  if (code == CURLE_ABORTED_BY_CALLBACK) {
    return Error(Code::unavailable, where() + ": the connection ended before an answer came; it may have been done").with_reason("Lost");
  }
  const std::string words = handle_->trouble().empty() ? curl_library().easy_strerror(code) : base::printable(handle_->trouble());
  curl_off_t connected_us = 0, sent = 0;
  curl_library().easy_getinfo(easy(), CURLINFO_PRETRANSFER_TIME_T, &connected_us);
  curl_library().easy_getinfo(easy(), CURLINFO_SIZE_UPLOAD_T, &sent);
  const bool never_sent = connected_us == 0 && sent == 0;
  return Error(Code::unavailable, where() + ": " + words).with_reason(never_sent ? "NotSent" : "Lost");
}

}  // namespace operon::kube
