#include "operon/scenario_image/labels.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "operon/error.hpp"
#include "operon/scenario_image/bounded_json.hpp"

namespace operon::scenario_image {
namespace {

constexpr std::string_view prefix = "krknctl.";

bool blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
void skip_blanks(std::string_view& text) {
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
}
bool skip(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

bool of_a_key(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-' || c == '/';
}

/// How many characters `KEY=` takes at the beginning; 0 = there is none.
size_t key_length(std::string_view text) {
  const auto end = std::find_if_not(text.begin(), text.end(), of_a_key);
  return end != text.end() && end != text.begin() && *end == '=' ? static_cast<size_t>(end - text.begin()) : 0;
}

/// Whether a label's value may end before `rest`.
bool ends_here(std::string_view rest) {
  if (rest.empty()) return true;
  if (!blank(rest.front())) return false;
  skip_blanks(rest);
  return rest.empty() || key_length(rest) != 0;
}

/// The end of a value in quotes: the quote after which the text ends or another label begins.
size_t closing_quote(std::string_view text, char quote) {
  for (size_t i = 1; i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (text[i] == quote && ends_here(text.substr(i + 1))) {
      return i;
    }
  }
  return std::string_view::npos;
}

std::string without_escapes(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == '\\' || text[i + 1] == '$')) ++i;
    plain += text[i];
  }
  return plain;
}

/// The end of a JSON array or object that begins here; npos = it does not end.
size_t json_end(std::string_view text) {
  size_t depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"' || i >= text.size();
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      ++depth;
    } else if ((c == ']' || c == '}') && --depth == 0) {
      return i + 1;
    }
  }
  return std::string_view::npos;
}

/// A bare value has no end of its own: it goes on until another of our labels begins.
size_t bare_end(std::string_view text, bool& json_in_vain) {
  if (!json_in_vain && (text.starts_with('[') || text.starts_with('{'))) {
    const size_t end = json_end(text);
    json_in_vain = end == std::string_view::npos || !ends_here(text.substr(end));
    if (!json_in_vain) return end;
  }
  for (size_t at = text.find(prefix); at != std::string_view::npos; at = text.find(prefix, at + 1)) {
    if (at > 0 && blank(text[at - 1]) && key_length(text.substr(at)) != 0) return at;
  }
  return text.size();
}

/// What has been looked for in vain up to the end of a command is not looked for again: reading stays linear.
struct InVain {
  bool double_quote = false, single_quote = false, json = false;
};

std::string take_value(std::string_view& text, InVain& in_vain) {
  if (!text.empty() && (text.front() == '"' || text.front() == '\'')) {
    const char quote = text.front();
    bool& vain = quote == '"' ? in_vain.double_quote : in_vain.single_quote;
    const size_t end = vain ? std::string_view::npos : closing_quote(text, quote);
    vain = end == std::string_view::npos;
    if (!vain) {
      const auto inside = text.substr(1, end - 1);
      text.remove_prefix(end + 1);
      return quote == '"' ? without_escapes(inside) : std::string(inside);
    }
  }
  const size_t end = bare_end(text, in_vain.json);
  auto value = text.substr(0, end);
  text.remove_prefix(end);
  while (!value.empty() && blank(value.back())) value.remove_suffix(1);
  return std::string(value);
}

[[noreturn]] void too_large(const std::string& name) {
  throw Error(Code::data_loss, "label " + name + " is larger than " + std::to_string(label_bytes_max >> 10) + " KiB (label_bytes_max)");
}

const std::string* find(const Labels& labels, const std::string& name) {
  const auto found = labels.find(name);
  if (found == labels.end()) return nullptr;
  if (found->second.size() > label_bytes_max) too_large(name);
  return &found->second;
}

std::optional<bool> flag_of(const Labels& labels, const std::string& name) {
  const auto* text = find(labels, name);
  if (text == nullptr) return std::nullopt;
  for (const char* word : {"1", "t", "T", "TRUE", "true", "True"}) {
    if (*text == word) return true;
  }
  for (const char* word : {"0", "f", "F", "FALSE", "false", "False"}) {
    if (*text == word) return false;
  }
  throw Error(Code::invalid_argument, "label " + name + " must be a boolean word such as \"true\" or \"false\"");
}

std::optional<Texts> texts_of(const Labels& labels, const std::string& suffix) {
  const std::string fields_name = "krknctl.input_fields" + suffix;
  const auto* title = find(labels, "krknctl.title" + suffix);
  const auto* fields_text = find(labels, fields_name);
  if (title == nullptr || fields_text == nullptr) return std::nullopt;
  Texts texts;
  texts.title = *title;
  if (const auto* description = find(labels, "krknctl.description" + suffix)) texts.description = *description;
  try {
    texts.fields = fields::parse_label_fields(parse_bounded(*fields_text, label_depth_max, "label " + fields_name, Code::invalid_argument));
  } catch (const Error& e) {
    const std::string what = e.what();
    throw Error(e.code(), what.starts_with("label ") ? what : "label " + fields_name + ": " + what);
  }
  return texts;
}

}  // namespace

void add_labels_of_command(std::string_view command, Labels& labels) {
  skip_blanks(command);
  if (skip(command, "/bin/sh -c")) skip_blanks(command);
  if (skip(command, "#(nop)")) skip_blanks(command);
  if (!skip(command, "LABEL") || command.empty() || !blank(command.front())) return;
  if (command.size() > command_bytes_max)
    throw Error(Code::data_loss,
                "a layer's command is larger than " + std::to_string(command_bytes_max >> 20) + " MiB (command_bytes_max)");
  InVain in_vain;
  for (skip_blanks(command); !command.empty(); skip_blanks(command)) {
    const size_t length = key_length(command);
    if (length == 0) return;  // the older `LABEL key value`: no krknctl label is written so
    const std::string name(command.substr(0, length));
    command.remove_prefix(length + 1);
    std::string value = take_value(command, in_vain);
    if (!is_read(name)) continue;
    if (value.size() > label_bytes_max) too_large(name);
    labels.emplace(name, std::move(value));
  }
}

bool is_read(std::string_view label) {
  static constexpr std::string_view names[] = {"krknctl.title",         "krknctl.description",        "krknctl.input_fields",
                                               "krknctl.title.global",  "krknctl.description.global", "krknctl.input_fields.global",
                                               "krknctl.is_a_scenario", "krknctl.has_rollback"};
  return std::find(std::begin(names), std::end(names), label) != std::end(names);
}

ScenarioLabels read_labels(const Labels& labels) {
  ScenarioLabels read;
  read.is_scenario = flag_of(labels, "krknctl.is_a_scenario");
  read.has_rollback = flag_of(labels, "krknctl.has_rollback").value_or(false);

  read.texts = texts_of(labels, "");
  try {
    read.globals = texts_of(labels, ".global");
  } catch (const Error& e) {
    read.globals_failure = e.what();
  }
  return read;
}

}  // namespace operon::scenario_image
