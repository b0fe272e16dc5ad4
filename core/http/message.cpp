#include "core/http/message.hpp"

#include <nlohmann/json.hpp>

#include "operon/error.hpp"

namespace operon::http {

const char* to_string(Method m) {
  switch (m) {
    case Method::get:
      return "GET";
    case Method::post:
      return "POST";
    case Method::put:
      return "PUT";
    case Method::patch:
      return "PATCH";
    case Method::del:
      return "DELETE";
  }
  return "GET";
}

std::optional<std::string> Request::query_value(std::string_view name) const {
  const std::string* found = nullptr;
  for (const auto& [key, value] : query) {
    if (key != name) continue;
    if (found) throw Error(Code::invalid_argument, "query parameter '" + std::string(name) + "' is given more than once; give it once");
    found = &value;
  }
  if (!found) return std::nullopt;
  return *found;
}

Response Response::json(int status, std::string body) {
  Response r;
  r.status = status;
  r.body = std::move(body);
  r.body += '\n';
  return r;
}

Response Response::error(int status, std::string_view code, std::string_view message) {
  // `replace`: a message may quote bytes of the request, and an error must never be lost for want of UTF-8.
  nlohmann::ordered_json body{{"error", code}, {"message", message}};
  return json(status, body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace operon::http
