/// operon/fields/validate.hpp: checks a user's values against a scenario's fields.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "operon/fields/field.hpp"

namespace operon::fields {

/// What the user gave. `files` holds the mount paths of the files that come with the request; nothing is opened here.
struct Input {
  std::map<std::string, std::string> environment;
  std::set<std::string> mount_paths;
};

/// What the run gets: defaults applied, `file` variables set to their mount path.
struct Validated {
  std::map<std::string, std::string> environment;
  std::vector<std::string> secret_variables;  ///< variables present in environment whose field is secret
};

/// Throws Error(failed_precondition) with field() = the variable, naming field, rule and value (never a secret's value).
/// Undeclared variables are passed through: whether they may is the runner's rule.
Validated validate(const std::vector<Field>&, const Input&);

/// One value by itself, for forms. The text returned is what the variable is set to; absent = nothing is set.
std::optional<std::string> validate_value(const Field&, const std::optional<std::string>& value);

/// True for a field that gets a value by itself when none is given.
bool has_default(const Field&);

/// The fields that a form has to ask for: required ones that are not given (also those with a default: the user may want another value),
/// and those that a given one `requires` and that have no default.
std::vector<Field> missing(const std::vector<Field>&, const Input&);

/// The words of an enum's `allowed_values`, as they stand; empty for other types.
std::vector<std::string> allowed_words(const Field&);

}  // namespace operon::fields
