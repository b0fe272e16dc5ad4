/// operon/fields/field.hpp: a scenario's typed field, shared by REST, CLI, runners and registries.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace operon::fields {

enum class Type { string, boolean, number, enumeration, file, file_base64, group };

/// One field as its author declared it. Absent optionals stay absent: "" and absent are different things.
struct Field {
  std::string name;
  Type type = Type::string;
  std::optional<std::string> variable;  ///< environment variable; mandatory except for `group`
  std::optional<std::string> short_description, description, default_value, validator, validation_message, separator, allowed_values;
  bool required = false;
  std::optional<std::string> mount_path, requires_, mutually_excludes;
  bool secret = false;
  std::optional<std::string> group;
};

/// Parses one field whose attributes are JSON strings or null (labels, scenario files). Throws Error(invalid_argument) naming field and
/// attribute.
Field parse_label_field(const nlohmann::json&);
/// Parses a whole array of them; duplicate names or variables are errors.
std::vector<Field> parse_label_fields(const nlohmann::json&);

/// The form the REST API writes: required and secret are booleans, omitted when false; absent optionals omitted; type in lower case.
void to_json(nlohmann::json&, const Field&);
/// Reads the form that to_json writes.
void from_json(const nlohmann::json&, Field&);

const char* to_string(Type);
Type type_from_string(const std::string&);  ///< any case; throws Error(invalid_argument)

}  // namespace operon::fields
