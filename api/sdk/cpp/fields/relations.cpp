#include "relations.hpp"

#include "operon/error.hpp"
#include "words.hpp"

namespace operon::fields::detail {
namespace {

[[noreturn]] void refuse(const Field& field, const std::string& what) {
  throw Error(Code::failed_precondition, "field '" + one_line(field.name) + "': " + what).with_field(field.variable.value_or(field.name));
}

}  // namespace

std::set<std::string> excluded_by_given(const std::vector<Field>& fields, const std::set<std::string>& given) {
  std::set<std::string> excluded;
  for (const auto& field : fields) {
    // The relation holds in both directions, whichever side declares it.
    for (const auto& other : name_list(field.mutually_excludes)) {
      if (other == field.name) continue;
      if (given.count(field.name) && given.count(other)) {
        refuse(field, "`mutually_excludes`: cannot be given together with field '" + one_line(other) + "'");
      }
      if (given.count(field.name)) excluded.insert(other);
      if (given.count(other)) excluded.insert(field.name);
    }
  }
  return excluded;
}

void check_requires(const std::vector<Field>& fields, const std::set<std::string>& given, const std::set<std::string>& set) {
  for (const auto& field : fields) {
    if (!given.count(field.name)) continue;
    for (const auto& other : name_list(field.requires_)) {
      if (!set.count(other)) refuse(field, "`requires`: field '" + one_line(other) + "' must be given too");
    }
  }
}

std::vector<std::string> name_list(const std::optional<std::string>& text) {
  std::vector<std::string> names;
  if (!text) return names;
  for (const auto& piece : split(*text, ",")) {
    size_t first = piece.find_first_not_of(" \t");
    if (first == std::string::npos) continue;
    names.push_back(piece.substr(first, piece.find_last_not_of(" \t") - first + 1));
  }
  return names;
}

}  // namespace operon::fields::detail
