#include "operon/fields/validate.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <cstdio>

#include "operon/error.hpp"
#include "relations.hpp"
#include "words.hpp"

namespace operon::fields {
namespace {

constexpr size_t file_base64_bytes_max = 10'485'760;  // decoded
constexpr size_t validator_bytes_max = 4'096;
constexpr int64_t validator_memory_bytes_max = 1 << 20;  // RE2 derives the largest program from it

using detail::one_line;
using detail::shown;

/// A rule that was broken. Becomes an Error once it is known whose value it was.
struct Broken {
  std::string what;
};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

void check_string(const Field& field, const std::string& value) {
  if (!field.validator || field.validator->empty()) return;
  const std::string& pattern = *field.validator;
  RE2::Options options;
  options.set_max_mem(validator_memory_bytes_max);
  options.set_log_errors(false);
  if (pattern.size() > validator_bytes_max)
    throw Broken{"invalid schema: `validator` is longer than " + std::to_string(validator_bytes_max) + " bytes"};
  RE2 expression(pattern, options);
  if (!expression.ok())
    throw Broken{"invalid schema: `validator` '" + one_line(pattern) + "' is no regular expression: " + one_line(expression.error())};
  if (RE2::PartialMatch(value, expression)) return;
  if (field.validation_message && !field.validation_message->empty()) throw Broken{one_line(*field.validation_message, 400)};
  throw Broken{"`value`: '" + shown(field, value) + "' does not match `validator`: '" + one_line(pattern) + "'"};
}

void check_enumeration(const Field& field, const std::string& value) {
  if (!field.allowed_values || field.allowed_values->empty()) throw Broken{"invalid schema: an enum needs `allowed_values`"};
  const auto allowed = allowed_words(field);
  if (std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return;
  std::string list;
  for (const auto& word : allowed) list += (list.empty() ? "'" : ", '") + word + "'";
  throw Broken{"`value`: '" + shown(field, value) + "' is not one of `allowed_values`: " + one_line(list, 400)};
}

bool is_base64(std::string_view text) {
  if (text.size() % 4 != 0) return false;
  size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  return std::all_of(text.begin(), text.end() - static_cast<std::ptrdiff_t>(padding), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
  });
}

void check_file_base64(const std::string& value) {
  if (value.size() / 4 * 3 > file_base64_bytes_max + 2)
    throw Broken{"`value`: the file is larger than " + std::to_string(file_base64_bytes_max) + " bytes"};
  if (!is_base64(value)) throw Broken{"`value`: must be the file's content in standard base64"};
  size_t padding = value.ends_with("==") ? 2 : value.ends_with("=") ? 1 : 0;
  if (value.size() / 4 * 3 - padding > file_base64_bytes_max) {
    throw Broken{"`value`: the file is larger than " + std::to_string(file_base64_bytes_max) + " bytes"};
  }
}

/// The type's own rule, for a value that is there.
void check_value(const Field& field, const std::string& value) {
  switch (field.type) {
    case Type::string:
      return check_string(field, value);
    case Type::number:
      if (!detail::is_go_float(value)) throw Broken{"`value`: '" + shown(field, value) + "' is not a number"};
      return;
    case Type::boolean:
      if (!detail::is_boolean_value(value)) throw Broken{"`value`: '" + shown(field, value) + "' is not a boolean: use true or false"};
      return;
    case Type::enumeration:
      return check_enumeration(field, value);
    case Type::file_base64:
      return check_file_base64(value);
    case Type::file:
    case Type::group:
      return;
  }
}

bool is_file(const Field& field) {
  return field.type == Type::file || field.type == Type::file_base64;
}

/// A file's default is a path on the author's or the user's machine: never applied here, where no path is opened.
std::optional<std::string> usable_default(const Field& field) {
  if (is_file(field) || field.type == Type::group) return std::nullopt;
  if (field.type != Type::string && field.default_value && field.default_value->empty()) return std::nullopt;
  return field.default_value;
}

/// Steps 1 to 3 of the contract, then the type's rule.
std::optional<std::string> select(const Field& field, const std::optional<std::string>& value, bool default_applies) {
  const bool given = value && (field.type == Type::string || field.type == Type::group || !value->empty());
  if (given) {
    check_value(field, *value);
    return value;
  }
  auto fallback = usable_default(field);
  if (!fallback) {
    if (field.required && field.type != Type::group) throw Broken{"`required`: a value must be given"};
    return std::nullopt;
  }
  if (!default_applies && !field.required) return std::nullopt;
  try {
    check_value(field, *fallback);
  } catch (const Broken& broken) {
    throw Broken{"schema validation error on default value: " + broken.what};
  }
  return fallback;
}

const std::string& mount_path_of(const Field& field) {
  if (!field.mount_path || field.mount_path->empty()) throw Broken{"invalid schema: a file needs `mount_path`"};
  return *field.mount_path;
}

/// A file's variable: set to the mount path when the file comes with the request.
std::optional<std::string> select_file(const Field& field, const std::optional<std::string>& value,
                                       const std::set<std::string>& mount_paths) {
  const std::string& mount_path = mount_path_of(field);
  if (mount_paths.count(mount_path)) {
    if (value && !value->empty() && *value != mount_path) {
      throw Broken{"`value`: the variable is set to the file's mount path '" + one_line(mount_path) + "', leave it out"};
    }
    return mount_path;
  }
  if (value && !value->empty())
    throw Broken{"`value`: paths are not opened here, send the file in `files` with mountPath '" + one_line(mount_path) + "'"};
  if (field.required) throw Broken{"`required`: a file with mountPath '" + one_line(mount_path) + "' must be given"};
  return std::nullopt;
}

template <class Selection>
std::optional<std::string> named(const Field& field, Selection selection) {
  try {
    return selection();
  } catch (const Broken& broken) {
    std::string name = "field '" + one_line(field.name) + "'";
    if (field.variable) name += " (" + *field.variable + ")";
    throw Error(Code::failed_precondition, name + ": " + broken.what).with_field(field.variable.value_or(field.name));
  }
}

std::optional<std::string> value_in(const Input& input, const Field& field) {
  if (!field.variable) return std::nullopt;
  auto found = input.environment.find(*field.variable);
  return found == input.environment.end() ? std::nullopt : std::optional(found->second);
}

bool is_given(const Field& field, const Input& input) {
  if (field.type == Type::file) return field.mount_path && input.mount_paths.count(*field.mount_path) != 0;
  auto value = value_in(input, field);
  return value && !value->empty();
}

}  // namespace

std::optional<std::string> validate_value(const Field& field, const std::optional<std::string>& value) {
  return named(field, [&]() -> std::optional<std::string> {
    if (field.type != Type::file) return select(field, value, true);
    const std::string& mount_path = mount_path_of(field);
    if (value && !value->empty()) return mount_path;
    if (field.required) throw Broken{"`required`: a file must be given"};
    return std::nullopt;
  });
}

Validated validate(const std::vector<Field>& fields, const Input& input) {
  std::set<std::string> given, set;
  for (const auto& field : fields) {
    if (is_given(field, input)) given.insert(field.name);
  }
  const auto excluded = detail::excluded_by_given(fields, given);
  Validated out;
  out.environment = input.environment;
  for (const auto& field : fields) {
    auto value = value_in(input, field);
    auto selected = named(field, [&] {
      return field.type == Type::file ? select_file(field, value, input.mount_paths) : select(field, value, !excluded.count(field.name));
    });
    if (selected && !selected->empty()) set.insert(field.name);
    if (!field.variable) continue;
    if (selected) {
      out.environment[*field.variable] = *selected;
      if (field.secret) out.secret_variables.push_back(*field.variable);
    } else {
      out.environment.erase(*field.variable);  // "" of a non-string selects nothing
    }
  }
  detail::check_requires(fields, given, set);
  std::sort(out.secret_variables.begin(), out.secret_variables.end());
  out.secret_variables.erase(std::unique(out.secret_variables.begin(), out.secret_variables.end()), out.secret_variables.end());
  return out;
}

bool has_default(const Field& field) {
  return usable_default(field).has_value();
}

std::vector<Field> missing(const std::vector<Field>& fields, const Input& input) {
  std::set<std::string> demanded;
  for (const auto& field : fields) {
    if (!is_given(field, input)) continue;
    for (const auto& other : detail::name_list(field.requires_)) demanded.insert(other);
  }
  std::vector<Field> found;
  for (const auto& field : fields) {
    if (field.type == Type::group || !field.variable || is_given(field, input)) continue;
    const bool empty_text = field.type == Type::string && value_in(input, field);  // "" is a value of a string
    const bool filled_in = !usable_default(field).value_or("").empty();
    if ((field.required && !empty_text) || (demanded.count(field.name) && !filled_in)) found.push_back(field);
  }
  return found;
}

std::vector<std::string> allowed_words(const Field& field) {
  if (field.type != Type::enumeration || !field.allowed_values || field.allowed_values->empty()) return {};
  return detail::split(*field.allowed_values, field.separator && !field.separator->empty() ? *field.separator : ",");
}

namespace detail {

std::optional<bool> flag_word(std::string_view text) {
  for (auto word : {"1", "t", "T", "TRUE", "true", "True"}) {
    if (text == word) return true;
  }
  for (auto word : {"0", "f", "F", "FALSE", "false", "False"}) {
    if (text == word) return false;
  }
  return std::nullopt;
}

bool is_boolean_value(std::string_view text) {
  const std::string word = lower(text);
  return word == "1" || word == "t" || word == "true" || word == "0" || word == "f" || word == "false";
}

std::vector<std::string> split(std::string_view text, std::string_view separator) {
  std::vector<std::string> pieces;
  for (;;) {
    size_t at = text.find(separator);
    pieces.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) return pieces;
    text.remove_prefix(at + separator.size());
  }
}

std::string one_line(std::string_view text, size_t max) {
  std::string out;
  char escape[8];
  for (char c : text) {
    if (out.size() >= max) {
      // Not in the middle of a character.
      while (!out.empty() && (static_cast<unsigned char>(out.back()) & 0xc0) == 0x80) out.pop_back();
      if (!out.empty() && static_cast<unsigned char>(out.back()) >= 0xc0) out.pop_back();
      return out + "...";
    }
    auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) {
      out += c;
    } else {
      std::snprintf(escape, sizeof escape, "\\x%02x", byte);
      out += escape;
    }
  }
  return out;
}

std::string shown(const Field& field, std::string_view value) {
  return field.secret ? "***" : one_line(value);
}

}  // namespace detail
}  // namespace operon::fields
