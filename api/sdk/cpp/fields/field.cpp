#include "operon/fields/field.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "operon/error.hpp"
#include "words.hpp"

namespace operon::fields {
namespace {

using nlohmann::json;

constexpr size_t fields_max = 1'000;

struct TypeWord {
  const char* word;
  Type type;
};
constexpr TypeWord type_words[] = {{"string", Type::string},    {"boolean", Type::boolean}, {"number", Type::number},
                                   {"enum", Type::enumeration}, {"file", Type::file},       {"file_base64", Type::file_base64},
                                   {"group", Type::group}};

/// The optional texts of a field, by the name that labels and REST give them.
struct TextAttribute {
  const char* name;
  std::optional<std::string> Field::*member;
};
constexpr TextAttribute text_attributes[] = {{"short_description", &Field::short_description},
                                             {"description", &Field::description},
                                             {"variable", &Field::variable},
                                             {"default", &Field::default_value},
                                             {"validator", &Field::validator},
                                             {"validation_message", &Field::validation_message},
                                             {"separator", &Field::separator},
                                             {"allowed_values", &Field::allowed_values},
                                             {"mount_path", &Field::mount_path},
                                             {"requires", &Field::requires_},
                                             {"mutually_excludes", &Field::mutually_excludes},
                                             {"group", &Field::group}};

[[noreturn]] void malformed(const std::string& field, const std::string& attribute, const std::string& what) {
  std::string name = field.empty() ? "a field without a name" : "field '" + detail::one_line(field) + "'";
  throw Error(Code::invalid_argument, name + ": attribute '" + attribute + "' " + what).with_field(attribute);
}

/// Absent for a missing or null attribute.
std::optional<std::string> text_of(const json& object, const std::string& field, const char* attribute) {
  auto found = object.find(attribute);
  if (found == object.end() || found->is_null()) return std::nullopt;
  if (!found->is_string()) malformed(field, attribute, std::string("must be a string or null, not ") + found->type_name());
  return found->get<std::string>();
}

bool flag_of(const json& object, const std::string& field, const char* attribute) {
  auto text = text_of(object, field, attribute);
  if (!text) return false;
  auto flag = detail::flag_word(*text);
  if (!flag) malformed(field, attribute, "must be a boolean word such as \"true\" or \"false\", not \"" + detail::one_line(*text) + "\"");
  return *flag;
}

bool is_variable_name(const std::string& name) {
  auto letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; };
  return !name.empty() && letter(name[0]) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '-'; });
}

void check(const Field& field) {
  if (field.type == Type::group && !field.variable) return;
  if (!field.variable) malformed(field.name, "variable", "is missing");
  if (!is_variable_name(*field.variable)) {
    malformed(field.name, "variable", "must be the name of an environment variable, not \"" + detail::one_line(*field.variable) + "\"");
  }
}

Field parse_texts(const json& object) {
  if (!object.is_object()) throw Error(Code::invalid_argument, std::string("a field must be an object, not ") + object.type_name());
  Field field;
  auto name = text_of(object, "", "name");
  if (!name || name->empty()) malformed("", "name", "is missing");
  field.name = *name;
  auto type = text_of(object, field.name, "type");
  if (!type) malformed(field.name, "type", "is missing");
  try {
    field.type = type_from_string(*type);
  } catch (const Error& e) {
    malformed(field.name, "type", std::string("is not known: ") + e.what());
  }
  for (const auto& [attribute, member] : text_attributes) field.*member = text_of(object, field.name, attribute);
  return field;
}

}  // namespace

const char* to_string(Type type) {
  for (const auto& [word, value] : type_words) {
    if (value == type) return word;
  }
  return "string";
}

Type type_from_string(const std::string& text) {
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  for (const auto& [word, type] : type_words) {
    if (lower == word) return type;
  }
  throw Error(Code::invalid_argument, "'" + detail::one_line(text) + "'; use string, boolean, number, enum, file, file_base64 or group")
      .with_field("type");
}

Field parse_label_field(const json& object) {
  Field field = parse_texts(object);
  field.required = flag_of(object, field.name, "required");
  field.secret = flag_of(object, field.name, "secret");
  if (field.type == Type::group && field.variable && field.variable->empty()) field.variable.reset();
  check(field);
  return field;
}

std::vector<Field> parse_label_fields(const json& array) {
  if (!array.is_array())
    throw Error(Code::invalid_argument, std::string("fields must be an array, not ") + array.type_name()).with_field("fields");
  if (array.size() > fields_max)
    throw Error(Code::invalid_argument, "more than " + std::to_string(fields_max) + " fields").with_field("fields");
  std::vector<Field> fields;
  std::set<std::string> names, variables;
  for (const auto& element : array) {
    Field field = parse_label_field(element);
    if (!names.insert(field.name).second) malformed(field.name, "name", "is used by an earlier field");
    if (field.variable && !variables.insert(*field.variable).second) {
      malformed(field.name, "variable", "\"" + *field.variable + "\" is used by an earlier field");
    }
    fields.push_back(std::move(field));
  }
  return fields;
}

void to_json(json& out, const Field& field) {
  out = json{{"name", field.name}, {"type", to_string(field.type)}};
  for (const auto& [attribute, member] : text_attributes) {
    if (field.*member) out[attribute] = *(field.*member);
  }
  if (field.required) out["required"] = true;
  if (field.secret) out["secret"] = true;
}

void from_json(const json& in, Field& field) {
  field = parse_texts(in);
  for (auto [attribute, member] : {std::pair{"required", &Field::required}, std::pair{"secret", &Field::secret}}) {
    auto found = in.find(attribute);
    if (found == in.end() || found->is_null()) continue;
    if (!found->is_boolean()) malformed(field.name, attribute, std::string("must be a boolean, not ") + found->type_name());
    field.*member = found->get<bool>();
  }
  check(field);
}

}  // namespace operon::fields
