/// core/base/json.hpp: JSON from outside, under limits. The only way into core for bytes that somebody else wrote.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

namespace operon::base {

struct JsonLimits {
  size_t bytes_max = 4u << 20;
  size_t depth_max = 64;
  size_t values_max = 500'000;  ///< objects, arrays and scalars together: a value takes up to 100 times its text's memory
  bool nul_allowed = false;     ///< "\\u0000" in strings and keys; what goes on into C interfaces cannot carry it
  bool wide_integers = false;   ///< integers beyond 64 bits become floating point: where members that nobody reads may hold any
};

/// Parses strictly: valid UTF-8, no trailing garbage, no duplicate key, depth and size bounded. Throws Error(invalid_argument) saying what
/// and at which byte.
nlohmann::json parse_json(std::string_view, const JsonLimits& = {});

}  // namespace operon::base
