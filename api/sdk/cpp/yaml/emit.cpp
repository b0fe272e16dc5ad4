#include <yaml-cpp/emitter.h>

#include <algorithm>
#include <iterator>

#include "operon/yaml/yaml.hpp"
#include "scalar.hpp"

namespace operon::yaml {
namespace {

void write(YAML::Emitter& out, const nlohmann::json& value);

/// Text that may stand without quotes: letters first, nothing that means something to any reader of YAML, old or new.
bool is_plain(const std::string& text) {
  static constexpr const char* old_booleans[] = {"y",  "Y",  "n",  "N",  "yes", "Yes", "YES", "no",
                                                 "No", "NO", "on", "On", "ON",  "off", "Off", "OFF"};
  auto letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); };
  auto harmless = [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') || std::string_view("_-./+=@ ").find(c) != std::string_view::npos;
  };
  if (text.empty() || !(letter(text[0]) || text[0] == '/') || text.back() == ' ') return false;
  if (!std::all_of(text.begin(), text.end(), harmless) || detail::is_typed(text)) return false;
  return std::find(std::begin(old_booleans), std::end(old_booleans), text) == std::end(old_booleans);
}

void write_text(YAML::Emitter& out, const std::string& text) {
  if (!is_plain(text)) out << YAML::DoubleQuoted;
  out << text;
}

void write_object(YAML::Emitter& out, const nlohmann::json& object) {
  if (object.empty()) out << YAML::Flow;
  out << YAML::BeginMap;
  for (const auto& [key, value] : object.items()) {
    out << YAML::Key;
    write_text(out, key);
    out << YAML::Value;
    write(out, value);
  }
  out << YAML::EndMap;
}

void write(YAML::Emitter& out, const nlohmann::json& value) {
  if (value.is_object()) {
    write_object(out, value);
  } else if (value.is_array()) {
    if (value.empty()) out << YAML::Flow;
    out << YAML::BeginSeq;
    for (const auto& element : value) write(out, element);
    out << YAML::EndSeq;
  } else if (value.is_string()) {
    write_text(out, value.get_ref<const std::string&>());
  } else if (value.is_null()) {
    out << YAML::Null;
  } else {
    out << value.dump();
  }
}

}  // namespace

std::string emit(const nlohmann::json& value) {
  YAML::Emitter out;
  out.SetIndent(2);
  write(out, value);
  return std::string(out.c_str(), out.size()) + "\n";
}

}  // namespace operon::yaml
