/// operon/scenario_image/bounded_json.hpp: JSON of others.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "operon/error.hpp"

namespace operon::scenario_image {

inline constexpr size_t json_values_max = 100'000;  ///< objects, arrays and scalars: a value takes a multiple of its text's memory

/// Throws Error(`code`) saying that `what` is no JSON, nested deeper than `depth_max`, or has more than json_values_max values.
nlohmann::json parse_bounded(std::string_view text, unsigned depth_max, const std::string& what, Code code);

}  // namespace operon::scenario_image
