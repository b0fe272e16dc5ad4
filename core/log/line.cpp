#include "core/log/line.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/json.hpp"
#include "core/base/scrubber.hpp"
#include "core/base/text.hpp"
#include "operon/error.hpp"

namespace operon::log {
namespace {

constexpr std::string_view hidden = "***REDACTED***";

const char* word(Level level) {
  switch (level) {
    case Level::trace:
      return "trace";
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warn:
      return "warn";
    case Level::error:
      return "error";
  }
  return "info";
}

const char* colour_of(Level level) {
  switch (level) {
    case Level::trace:
    case Level::debug:
      return "\x1b[2m";
    case Level::info:
      return "\x1b[32m";
    case Level::warn:
      return "\x1b[33m";
    case Level::error:
      return "\x1b[31m";
  }
  return "";
}

std::string safe(std::string_view text) {
  return base::scrub(text);
}

std::string safe_value(const std::string& name, const std::string& value) {
  if (value.empty()) return value;
  return base::is_secret_name(name) ? std::string(hidden) : safe(value);
}

/// A value of a text line: quoted when it could be taken apart wrongly.
std::string quoted(const std::string& value) {
  std::string shown = base::printable(value, message_bytes_max);
  if (!shown.empty() && shown.find_first_of(" \"=") == std::string::npos) return shown;
  std::string out = "\"";
  for (char c : shown) {
    if (c == '"') out += '\\';
    out += c;
  }
  return out + "\"";
}

/// Valid UTF-8 of bounded length, for JSON.
std::string json_text(const std::string& text) {
  if (text.size() <= message_bytes_max && base::is_utf8(text)) return text;
  return base::printable(text, message_bytes_max);
}

}  // namespace

std::string text_line(const Line& line, bool colour) {
  std::string level = word(line.level);
  level.resize(5, ' ');
  std::string out = base::rfc3339_ms(line.unix_ms) + " ";
  out += colour ? colour_of(line.level) + level + "\x1b[0m" : level;
  out += " " + base::printable(safe(line.message), message_bytes_max);
  for (const auto& [name, value] : line.fields) out += " " + base::printable(name, 64) + "=" + quoted(safe_value(name, value));
  if (!line.request_id.empty()) out += " requestId=" + base::printable(line.request_id, 128);
  if (!line.job_id.empty()) out += " jobId=" + base::printable(line.job_id, 128);
  return out;
}

std::string json_line(const Line& line) {
  static constexpr std::string_view taken[] = {"time", "level", "message", "requestId", "jobId"};
  nlohmann::ordered_json out;
  out["time"] = base::rfc3339_ms(line.unix_ms);
  out["level"] = word(line.level);
  out["message"] = json_text(safe(line.message));
  if (!line.request_id.empty()) out["requestId"] = json_text(std::string(line.request_id));
  if (!line.job_id.empty()) out["jobId"] = json_text(std::string(line.job_id));
  for (const auto& [name, value] : line.fields) {
    bool is_taken = std::find(std::begin(taken), std::end(taken), name) != std::end(taken);
    out[(is_taken ? "field_" : "") + base::printable(name, 64)] = json_text(safe_value(name, value));
  }
  return out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::vector<std::pair<std::string, std::string>> fields_of(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> fields;
  if (text.empty()) return fields;
  try {
    nlohmann::json object = base::parse_json(text, {.bytes_max = 65'536, .depth_max = 16, .values_max = 2'000, .nul_allowed = true});
    if (object.is_object()) {
      for (const auto& [name, value] : object.items()) {
        if (fields.size() == fields_max) break;
        fields.emplace_back(
            name, value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
      }
      return fields;
    }
  } catch (const Error&) {
    // Shown as it came: a plugin's bad fields must not cost the line.
  }
  fields.emplace_back("fields", std::string(text.substr(0, 1'000)));
  return fields;
}

}  // namespace operon::log
