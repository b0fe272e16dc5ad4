/// operon/scenario_image/bounded_json.hpp: JSON of others.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "operon/error.hpp"

namespace operon::scenario_image {

/// Throws Error(`code`) saying that `what` is no JSON, or nested deeper than `depth_max`.
nlohmann::json parse_bounded(std::string_view text, unsigned depth_max, const std::string& what, Code code);

}  // namespace operon::scenario_image
