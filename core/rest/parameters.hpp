/// core/rest/parameters.hpp: strict reading of query parameters and bodies.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "core/http/message.hpp"

namespace operon::rest {

/// Under /operon/v1: throws INVALID_ARGUMENT for a key that is not in `known`, listing those that are.
void only_query_keys(const http::Request&, std::initializer_list<std::string_view> known);

/// Absent values give the fallback; anything malformed throws INVALID_ARGUMENT naming the parameter.
bool query_bool(const http::Request&, std::string_view name, bool fallback);
std::optional<uint64_t> query_number(const http::Request&, std::string_view name, uint64_t min, uint64_t max);
std::string query_text(const http::Request&, std::string_view name);
/// Throws INVALID_ARGUMENT "<name> parameter is required".
std::string required_query(const http::Request&, std::string_view name);

/// A path parameter.
const std::string& path_parameter(const http::Request&, std::string_view name);

/// A body that may be empty (then: an empty object). Throws INVALID_ARGUMENT when it is not a JSON object.
nlohmann::json optional_object(const http::Request&);

}  // namespace operon::rest
