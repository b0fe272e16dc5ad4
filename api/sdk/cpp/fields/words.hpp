/// fields/words.hpp: the small vocabulary that parsing and validation share.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "operon/fields/field.hpp"

namespace operon::fields::detail {

/// What Go's strconv.ParseFloat(text, 64) accepts without an error.
bool is_go_float(std::string_view);
/// `1 t T TRUE true True 0 f F FALSE false False`; absent for anything else.
std::optional<bool> flag_word(std::string_view);
/// Case-insensitive 1/t/true/0/f/false: what a user may write for a boolean field.
bool is_boolean_value(std::string_view);
/// Pieces between separators, untouched; "" gives one empty piece.
std::vector<std::string> split(std::string_view, std::string_view separator);
/// The names of a comma-separated list, trimmed, empty ones left out.
std::vector<std::string> name_list(const std::optional<std::string>&);
/// For messages: one line, cut; "***" for a secret field.
std::string shown(const Field&, std::string_view value);
std::string one_line(std::string_view, size_t max = 120);

}  // namespace operon::fields::detail
