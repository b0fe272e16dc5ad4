/// yaml/prescan.hpp: what is refused before the parser sees it.
#pragma once

#include <string>
#include <string_view>

namespace operon::yaml::detail {

/// Throws Error(invalid_argument) as "name:line: what" for bytes that are no UTF-8, for NUL and for control characters: the parser guesses
/// encodings from them, and none belongs into a text. Depth and number of values are the builder's to limit, before anything is made.
void prescan(std::string_view text, const std::string& name);

}  // namespace operon::yaml::detail
