#include "core/kube/status.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "core/base/json.hpp"
#include "core/base/text.hpp"

namespace operon::kube {
namespace {

using nlohmann::json;

constexpr size_t status_bytes_max = 1u << 20;
constexpr size_t words_bytes_max = 1024;
constexpr int64_t retry_after_s_max = 3600;

Code code_of(int status, const std::string& reason) {
  if (reason == "AlreadyExists") return Code::already_exists;
  if (reason == "ServerTimeout" || reason == "Timeout") return Code::unavailable;
  switch (status) {
    case 400:
    case 406:
      return Code::invalid_argument;
    case 401:
      return Code::unauthenticated;
    case 403:
      return Code::permission_denied;
    case 404:
      return Code::not_found;
    case 405:
    case 415:
    case 501:
      return Code::unimplemented;
    case 409:
      return Code::aborted;
    case 410:
      return Code::out_of_range;
    case 413:
      return Code::out_of_range;
    case 422:
      return Code::failed_precondition;
    case 429:
      return Code::resource_exhausted;
    case 502:
    case 503:
      return Code::unavailable;
    case 504:
      return Code::deadline_exceeded;
    default:
      return status >= 500 ? Code::internal : Code::unknown;
  }
}

std::string text_at(const json& object, const char* member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

int64_t whole_at(const json& object, const char* member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_number_integer() ? found->get<int64_t>() : 0;
}

json parse_status(std::string_view text) {
  try {
    json status = base::parse_json(text, {status_bytes_max, 32});
    if (status.is_object() && text_at(status, "kind") == "Status") return status;
  } catch (const Error&) {
  }
  return json();
}

Error make(int status, const json& body, std::string_view raw, const std::string& what) {
  if (!body.is_object()) {
    const std::string words = raw.empty() ? "without words" : base::printable(raw, words_bytes_max);
    return Error(code_of(status, ""), what + ": HTTP " + std::to_string(status) + ": " + words);
  }
  const std::string reason = text_at(body, "reason");
  const std::string message = text_at(body, "message");
  const int code = status != 0 ? status : static_cast<int>(whole_at(body, "code"));
  const json details = body.value("details", json::object());
  std::string field;
  int64_t seconds = 0;
  if (details.is_object()) {
    const auto causes = details.find("causes");
    if (causes != details.end() && causes->is_array() && !causes->empty() && causes->front().is_object()) {
      field = text_at(causes->front(), "field");
    }
    seconds = std::min(whole_at(details, "retryAfterSeconds"), retry_after_s_max);
  }
  const std::string words = what + ": " + base::printable(message.empty() ? reason : message, words_bytes_max);
  Error error = Error(code_of(code, reason), words).with_reason(reason).with_field(std::move(field));
  if (seconds > 0) return std::move(error).with_retry_after_ms(seconds * 1000);
  return error;
}

}  // namespace

Error error_of(const Response& response, const std::string& what) {
  Error error = make(response.status, parse_status(response.body), response.body, what);
  int64_t seconds = 0;
  std::from_chars(response.retry_after.data(), response.retry_after.data() + response.retry_after.size(), seconds);
  if (seconds > 0) return std::move(error).with_retry_after_ms(std::min(seconds, retry_after_s_max) * 1000);
  return error;
}

Error error_of_status(std::string_view text, const std::string& what) {
  return make(0, parse_status(text), text, what);
}

bool is_reason(const Error& error, std::string_view reason) {
  return error.reason() == reason;
}
bool is_not_found(const Error& error) {
  return error.code() == Code::not_found;
}
bool is_already_exists(const Error& error) {
  return error.code() == Code::already_exists;
}
bool is_conflict(const Error& error) {
  return error.code() == Code::aborted && (error.reason() == "Conflict" || error.reason().empty());
}
bool is_expired(const Error& error) {
  return error.reason() == "Expired" || error.reason() == "Gone" || (error.code() == Code::out_of_range && error.reason().empty());
}

}  // namespace operon::kube
