/// yaml/prescan.hpp: what is refused before the parser sees it.
#pragma once

#include <string>
#include <string_view>

#include "operon/yaml/yaml.hpp"

namespace operon::yaml::detail {

/// Throws Error(invalid_argument) as "name:line: what" for bytes that are no UTF-8, control characters, a directive, and for shapes that cost the
/// parser more than their size: too many brackets in a row without an end.
void prescan(std::string_view text, const std::string& name, const Limits&);

}  // namespace operon::yaml::detail
