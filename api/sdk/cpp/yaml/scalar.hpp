/// yaml/scalar.hpp: what a scalar's text means.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "operon/yaml/yaml.hpp"

namespace operon::yaml::detail {

/// The value of a plain scalar without a tag.
nlohmann::json plain_value(const std::string& text, Scalars);
/// True for null, true, 12, 1.5 and the like: text that has to be quoted to stay text.
bool is_typed(const std::string& text);

}  // namespace operon::yaml::detail
