#include "core/app/operonctl/client.hpp"

#include <curl/curl.h>

#include <exception>
#include <nlohmann/json.hpp>

#include "core/base/json.hpp"
#include "core/base/text.hpp"
#include "operon/error.hpp"

namespace operon::ctl {
namespace {

constexpr size_t answer_bytes_max = 256u << 20;
constexpr size_t answer_headers_max = 100;
constexpr long connect_ms_max = 5000;
constexpr long answer_ms_max = 120000;

Code code_of_status(long status) {
  switch (status) {
    case 400:
      return Code::invalid_argument;
    case 401:
      return Code::unauthenticated;
    case 403:
      return Code::permission_denied;
    case 404:
      return Code::not_found;
    case 409:
      return Code::aborted;
    case 422:
      return Code::failed_precondition;
    case 429:
      return Code::resource_exhausted;
    case 501:
      return Code::unimplemented;
    case 502:
    case 503:
      return Code::unavailable;
    case 504:
      return Code::deadline_exceeded;
    default:
      return Code::unknown;
  }
}

/// The server's words, or as much of an unexpected body as helps.
Error refusal(long status, const std::string& body) {
  std::string text;
  try {
    text = base::parse_json(body).value("message", "");
  } catch (const std::exception&) {
    text.clear();
  }
  if (text.empty()) text = "the server answered " + std::to_string(status) + ": " + base::printable(body);
  if (status == 401) text += " (give a token with --token-file or OPERON_TOKEN)";
  return Error{code_of_status(status), text};
}

struct Sink {
  std::string* body = nullptr;
  Headers* headers = nullptr;
  const std::function<bool(std::string_view)>* take = nullptr;
  CURL* easy = nullptr;
  bool left = false;
  std::exception_ptr thrown;
};

/// False: no more of this answer is wanted.
bool take_bytes(Sink& sink, std::string_view bytes) {
  long status = 0;
  curl_easy_getinfo(sink.easy, CURLINFO_RESPONSE_CODE, &status);
  if (sink.take && status >= 200 && status < 300) {
    sink.left = !(*sink.take)(bytes);
    return !sink.left;
  }
  if (sink.body->size() + bytes.size() > answer_bytes_max) return false;
  sink.body->append(bytes);
  return true;
}

/// An exception must not pass through libcurl, which would leave its handle unusable for ever.
size_t on_bytes(char* data, size_t size, size_t count, void* user) noexcept {
  auto& sink = *static_cast<Sink*>(user);
  try {
    return take_bytes(sink, std::string_view(data, size * count)) ? size * count : 0;
  } catch (...) {
    sink.thrown = std::current_exception();
    return 0;
  }
}

/// "Name: value" each, and the line of the status, which is none.
size_t on_header(char* data, size_t size, size_t count, void* user) noexcept {
  auto& sink = *static_cast<Sink*>(user);
  try {
    const std::string_view line(data, size * count);
    const size_t colon = line.find(':');
    if (!sink.headers || colon == std::string_view::npos || sink.headers->size() >= answer_headers_max) return size * count;
    std::string name(line.substr(0, colon));
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    const size_t begin = line.find_first_not_of(" \t", colon + 1), end = line.find_last_not_of("\r\n \t");
    sink.headers->emplace_back(std::move(name), begin == std::string_view::npos || end < begin ? "" : line.substr(begin, end - begin + 1));
    return size * count;
  } catch (...) {
    sink.thrown = std::current_exception();
    return 0;
  }
}

struct HeaderList {
  curl_slist* list = nullptr;
  void add(const std::string& line) { list = curl_slist_append(list, line.c_str()); }
  ~HeaderList() { curl_slist_free_all(list); }
};

}  // namespace

struct Client::Impl {
  Settings settings;
  CURL* easy = curl_easy_init();

  Error no_answer(CURLcode result) const {
    const std::string what = settings.server + ": " + curl_easy_strerror(result);
    switch (result) {
      case CURLE_URL_MALFORMAT:
      case CURLE_UNSUPPORTED_PROTOCOL:
        return Error{Code::invalid_argument, "the server's address " + what + "; write http://HOST:PORT or https://HOST:PORT"};
      case CURLE_SSL_CONNECT_ERROR:
        return Error{Code::unavailable, "no answer from " + what + " (does it serve TLS? without rest.tls it is http://)"};
      case CURLE_PEER_FAILED_VERIFICATION:
      case CURLE_SSL_CACERT_BADFILE:
        return Error{Code::unavailable,
                     "no answer from " + what + " (--ca-file or OPERON_CA_FILE names the certificates it is checked against)"};
      default:
        return Error{Code::unavailable,
                     "no answer from " + what + " (is operond running? --server or OPERON_SERVER names another address)"};
    }
  }

  long perform(std::string_view method, const std::string& path, const std::string& body, const Headers& headers, Sink& sink,
               bool endless) {
    curl_easy_reset(easy);
    const std::string url = settings.server + path;
    HeaderList list;
    list.add("Content-Type: application/json");
    list.add("Expect:");
    if (!settings.token.empty()) list.add("Authorization: Bearer " + settings.token);
    for (const auto& [name, value] : headers) list.add(name + ": " + value);
    curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, std::string(method).c_str());
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list.list);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms_max);
    if (!endless) curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, answer_ms_max);
    if (!settings.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, settings.ca_file.c_str());
    if (method == "POST" || method == "PUT") {
      curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.data());
      curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    }
    sink.easy = easy;
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &sink);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, &sink);
    const CURLcode result = curl_easy_perform(easy);
    if (sink.thrown) std::rethrow_exception(sink.thrown);
    if (result != CURLE_OK && !sink.left) throw no_answer(result);
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
  }
};

Client::Client(const Settings& settings) : impl_(new Impl{settings}) {}
Client::~Client() {
  curl_easy_cleanup(impl_->easy);
  delete impl_;
}

const std::string& Client::server() const {
  return impl_->settings.server;
}

Answer Client::request(std::string_view method, const std::string& path, const std::string& body, const Headers& headers) {
  Answer answer;
  Sink sink;
  sink.body = &answer.body;
  sink.headers = &answer.headers;
  answer.status = impl_->perform(method, path, body, headers, sink, false);
  return answer;
}

nlohmann::json Client::json(std::string_view method, const std::string& path, const nlohmann::json* body, const Headers& headers,
                            Headers* answer_headers) {
  Answer answer = request(method, path, body ? body->dump() : std::string{}, headers);
  if (answer_headers) *answer_headers = std::move(answer.headers);
  if (answer.status < 200 || answer.status >= 300) throw refusal(answer.status, answer.body);
  if (answer.body.empty()) return nullptr;
  try {
    return base::parse_json(answer.body, {.bytes_max = answer_bytes_max, .depth_max = 64});
  } catch (const Error& e) {  // the server's fault, not the command line's
    throw Error{Code::unknown, impl_->settings.server + path + " answered something else than operond does: " + e.what()};
  }
}

void Client::stream(const std::string& path, const std::function<bool(std::string_view)>& take, const Headers& headers) {
  std::string body;
  Sink sink;
  sink.body = &body;
  sink.take = &take;
  const long status = impl_->perform("GET", path, {}, headers, sink, true);
  if (status < 200 || status >= 300) throw refusal(status, body);
}

std::string escape(std::string_view text) {
  static constexpr char hex[] = "0123456789ABCDEF";
  std::string out;
  for (const unsigned char c : text) {
    if (std::isalnum(c) || c == '-' || c == '_' || c == '.' || c == '~') {
      out += static_cast<char>(c);
    } else {
      out += '%';
      out += hex[c >> 4];
      out += hex[c & 15];
    }
  }
  return out;
}

}  // namespace operon::ctl
