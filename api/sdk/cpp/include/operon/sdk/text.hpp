/// operon/sdk/text.hpp: the ABI's borrowed bytes and C++'s, and errors as they cross the boundary.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "operon/error.hpp"
#include "operon/types.h"

namespace operon::sdk {

inline operon_str str(std::string_view s) noexcept {
  return {s.data(), s.size()};
}
inline std::string_view view(operon_str s) noexcept {
  return s.ptr ? std::string_view(s.ptr, s.len) : std::string_view();
}

/// JSON text. Bytes that are not UTF-8 become U+FFFD, so that one odd string does not cost a whole answer.
inline std::string dump(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// The `details` that go with an error: {"reason", "field", "retryAfterMs"}; empty text when there are none.
inline std::string error_details(const Error& error) {
  nlohmann::json details = nlohmann::json::object();
  if (!error.reason().empty()) details["reason"] = error.reason();
  if (!error.field().empty()) details["field"] = error.field();
  if (error.retry_after_ms()) details["retryAfterMs"] = *error.retry_after_ms();
  return details.empty() ? std::string() : dump(details);
}

/// The way back. What is not understood in `details_json` is left out; a code nobody knows is `unknown`.
inline Error make_error(operon_status status, std::string_view message, std::string_view details_json) {
  const bool known = status >= OPERON_CANCELLED && status <= OPERON_UNAUTHENTICATED;
  Error error{known ? static_cast<Code>(status) : Code::unknown, std::string(message)};
  const auto details = nlohmann::json::parse(details_json, nullptr, false);
  if (!details.is_object()) return error;
  if (const auto it = details.find("reason"); it != details.end() && it->is_string()) {
    error = std::move(error).with_reason(it->get<std::string>());
  }
  if (const auto it = details.find("field"); it != details.end() && it->is_string()) {
    error = std::move(error).with_field(it->get<std::string>());
  }
  if (const auto it = details.find("retryAfterMs"); it != details.end() && it->is_number_integer()) {
    error = std::move(error).with_retry_after_ms(it->get<int64_t>());
  }
  return error;
}

}  // namespace operon::sdk
