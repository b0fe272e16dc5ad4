#include <yaml-cpp/emitter.h>

#include "operon/yaml/yaml.hpp"
#include "scalar.hpp"

namespace operon::yaml {
namespace {

void write(YAML::Emitter& out, const nlohmann::json& value);

void write_text(YAML::Emitter& out, const std::string& text) {
  // "yes", "on" and the like are booleans to older readers.
  static constexpr const char* old_words[] = {"y",  "Y",  "n",  "N",  "yes", "Yes", "YES", "no",
                                              "No", "NO", "on", "On", "ON",  "off", "Off", "OFF"};
  bool quote = detail::is_typed(text) || text == "<<" || text == "=" || text.starts_with('.') || text.starts_with('0') ||
               text.find(':') != std::string::npos;
  for (const char* word : old_words) quote = quote || text == word;
  if (quote) out << YAML::DoubleQuoted;
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
