#include "core/rest/answer.hpp"

#include <nlohmann/json.hpp>

#include "core/base/scrubber.hpp"
#include "core/http/errors.hpp"
#include "core/log/log.hpp"

namespace operon::rest {

namespace {

/// Callers are judged before any handler: what a handler meets is a refusal of this host's own credentials.
Error seen_by_caller(const Error& e) {
  if (e.code() != Code::unauthenticated && e.code() != Code::permission_denied) return e;
  return Error(Code::unavailable, "this host was refused: " + std::string(e.what()));
}

http::Response failed(const http::Request& request, const Error& error) {
  const Error e = seen_by_caller(error);
  if (http::status_of(e.code()) == 500) {
    log::error("a request failed", {{"method", http::to_string(request.method)}, {"path", request.path}, {"reason", e.what()}});
  }
  return http::to_response(scrubbed(e));
}

/// The job that a route is about; empty when it is about none, or is yet to make it.
std::string_view job_of(const http::Request& request) {
  const auto it = request.params.find("jobId");
  return it == request.params.end() ? std::string_view{} : std::string_view(it->second);
}

}  // namespace

Error scrubbed(const Error& e) {
  Error clean(e.code(), base::scrub(e.what()));
  if (e.retry_after_ms()) clean = std::move(clean).with_retry_after_ms(*e.retry_after_ms());
  return clean;
}

http::Handler guarded(http::Handler handler) {
  return [handler = std::move(handler)](const http::Request& request) {
    const log::Scope scope(request.request_id, job_of(request));
    try {
      return handler(request);
    } catch (const Error& e) {
      return failed(request, e);
    } catch (const std::exception& e) {
      return failed(request, Error(Code::internal, std::string("the request failed inside the host: ") + e.what()));
    } catch (...) {
      return failed(request, Error(Code::internal, "the request failed inside the host"));
    }
  };
}

std::string json_text(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

http::Response json_answer(int status, const nlohmann::json& value) {
  return http::Response::json(status, json_text(value));
}

}  // namespace operon::rest
