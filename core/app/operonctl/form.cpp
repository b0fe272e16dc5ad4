#include "core/app/operonctl/form.hpp"

#include <cstdio>

#include "core/app/operonctl/terminal.hpp"
#include "core/base/text.hpp"
#include "operon/error.hpp"
#include "operon/fields/validate.hpp"

namespace operon::ctl {
namespace {

constexpr size_t words_bytes_max = 2000;

std::string shown(const std::string& text) {
  return base::printable(text, words_bytes_max);
}

bool is_file(const fields::Field& field) {
  return field.type == fields::Type::file || field.type == fields::Type::file_base64;
}

std::string description_of(const fields::Field& field) {
  for (const auto* text : {&field.short_description, &field.description}) {
    if (*text && !(*text)->empty()) return shown(**text);
  }
  return shown(field.name);
}

}  // namespace

std::string question_of(const fields::Field& field) {
  std::string text = field.variable.value_or(field.name) + " (" + to_string(field.type) + "): " + description_of(field) + "\n";
  if (is_file(field)) text += "  the path of a file on this machine\n";
  std::string words;
  for (const auto& word : allowed_words(field)) words += (words.empty() ? "" : ", ") + word;
  if (!words.empty()) text += "  one of: " + shown(words) + "\n";
  if (field.type == fields::Type::string && field.validator && !field.validator->empty())
    text += "  must match: " + shown(*field.validator) + "\n";
  if (has_default(field))
    text += "  default: " + (field.secret ? std::string("(hidden)") : "'" + shown(*field.default_value) + "'") + " (Enter)\n";
  return text;
}

std::string trouble_with(const fields::Field& field, const std::string& answer,
                         const std::function<std::string(const std::string&)>& read_file) {
  try {
    std::optional<std::string> value = answer;
    if (answer.empty()) value.reset();
    if (value && is_file(field)) {
      std::string content = read_file(*value);
      if (field.type == fields::Type::file_base64) value = base::base64_encode(content);
    }
    return fields::validate_value(field, value) ? "" : "a value must be given";
  } catch (const Error& e) {
    return e.what();
  }
}

std::optional<std::string> ask_field(const fields::Field& field, const std::function<std::string(const std::string&)>& read_file) {
  std::fputs(question_of(field).c_str(), stderr);
  const std::string prompt = field.variable.value_or(field.name) + (field.secret ? " (not shown): " : ": ");
  while (true) {
    std::string answer = field.secret ? ask_hidden(prompt) : ask(prompt);
    const std::string trouble = trouble_with(field, answer, read_file);
    if (trouble.empty()) return answer.empty() ? std::nullopt : std::optional(std::move(answer));
    std::fprintf(stderr, "  %s\n", trouble.c_str());
  }
}

}  // namespace operon::ctl
