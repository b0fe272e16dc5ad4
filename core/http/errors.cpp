#include "core/http/errors.hpp"

#include <algorithm>
#include <string>

namespace operon::http {

int status_of(Code code) noexcept {
  switch (code) {
    case Code::ok:
      return 200;
    case Code::invalid_argument:
      return 400;
    case Code::failed_precondition:
    case Code::out_of_range:
      return 422;
    case Code::not_found:
      return 404;
    case Code::already_exists:
    case Code::aborted:
      return 409;
    case Code::resource_exhausted:
      return 429;
    case Code::permission_denied:
      return 403;
    case Code::unauthenticated:
      return 401;
    case Code::unavailable:
      return 503;
    case Code::deadline_exceeded:
      return 504;
    case Code::unimplemented:
      return 501;
    case Code::cancelled:
    case Code::unknown:
    case Code::internal:
    case Code::data_loss:
      break;
  }
  return 500;
}

std::string_view word_of(int status) noexcept {
  switch (status) {
    case 401:
      return "unauthorized";
    case 403:
    case 421:
      return "forbidden";
    case 404:
      return "not_found";
    case 405:
      return "method_not_allowed";
    case 409:
      return "conflict";
    case 413:
      return "payload_too_large";
    case 422:
      return "unprocessable";
    case 429:
      return "too_many_requests";
    case 501:
      return "not_implemented";
    case 502:
    case 503:
    case 507:
      return "unavailable";
    case 504:
      return "deadline_exceeded";
    default:
      return status >= 500 && status != 505 ? "internal_error" : "bad_request";
  }
}

namespace {

Response with_status(int status, const Error& e) {
  Response r = Response::error(status, word_of(status), e.what());
  if (e.retry_after_ms()) {
    // Whole seconds, rounded up: a client that comes back too early is refused a second time.
    r.headers.emplace_back("Retry-After", std::to_string(std::max<int64_t>(1, (*e.retry_after_ms() + 999) / 1000)));
  } else if (status == 503) {
    r.headers.emplace_back("Retry-After", "1");
  }
  if (status == 401) r.headers.emplace_back("WWW-Authenticate", "Bearer");
  return r;
}

}  // namespace

Response to_response(const Error& e) {
  return with_status(status_of(e.code()), e);
}

Response to_gateway_response(const Error& e) {
  return with_status(e.code() == Code::unavailable ? 502 : status_of(e.code()), e);
}

Response protocol_error(int status, std::string_view message) {
  Response r = Response::error(status, word_of(status), message);
  if (status == 503 || status == 429) r.headers.emplace_back("Retry-After", "1");
  return r;
}

}  // namespace operon::http
