/// fields/relations.hpp: what one field's value says about other fields.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "operon/fields/field.hpp"

namespace operon::fields::detail {

/// Names of fields that a given field excludes: their defaults are left out. Throws Error(failed_precondition) when two that exclude each
/// other are given.
std::set<std::string> excluded_by_given(const std::vector<Field>&, const std::set<std::string>& given);
/// Throws Error(failed_precondition) when a given field needs one that is not set, neither by the user nor by its default.
void check_requires(const std::vector<Field>&, const std::set<std::string>& given, const std::set<std::string>& set);

}  // namespace operon::fields::detail
