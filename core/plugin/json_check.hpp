/// core/plugin/json_check.hpp: is this text one JSON value? For the call path, where a parser's allocations would cost more than the call.
#pragma once

#include <string_view>

namespace operon::plugin {

constexpr unsigned json_depth_max = 64;

/// RFC 8259, valid UTF-8, nesting of at most `json_depth_max`. Allocates nothing, linear, any thread.
bool is_json(std::string_view text) noexcept;
/// The same, and the value is an object.
bool is_json_object(std::string_view text) noexcept;

}  // namespace operon::plugin
