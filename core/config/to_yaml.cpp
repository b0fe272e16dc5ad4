#include <nlohmann/json.hpp>

#include "core/config/load.hpp"
#include "core/config/options.hpp"

namespace operon::config {
namespace {

/// JSON strings are YAML double-quoted scalars.
std::string yaml_quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string yaml_value(const Option& option, const Settings& settings) {
  const auto at = option.slot(const_cast<Settings&>(settings));
  if (const auto* list = std::get_if<std::vector<std::string>*>(&at)) {
    std::string text;
    for (const auto& entry : **list) text += (text.empty() ? "" : ", ") + yaml_quoted(entry);
    return "[" + text + "]";
  }
  if (const auto* text = std::get_if<std::string*>(&at)) return yaml_quoted(**text);
  return value_text(option, settings);
}

}  // namespace

std::string to_yaml(const Settings& settings) {
  std::string out;
  std::vector<std::string> open;  // the sections that the last line was in
  for (const auto& option : options()) {
    const auto path = path_of(option.key);
    for (size_t depth = 0; depth + 1 < path.size(); ++depth) {
      if (depth < open.size() && open[depth] == path[depth].name) continue;
      open.resize(depth);
      open.push_back(path[depth].name);
      out += std::string(2 * depth, ' ') + path[depth].name + ":\n";
    }
    open.resize(path.size() - 1);
    out += std::string(2 * open.size(), ' ') + path.back().name + ": " + yaml_value(option, settings) + "\n";
  }
  out += settings.plugins.empty() ? "plugins: {}\n" : "plugins:\n";
  for (const auto& plugin : settings.plugins) {
    out += "  " + yaml_quoted(plugin.name) + ":\n    plugin: " + yaml_quoted(plugin.plugin) + "\n    isolation: " + plugin.isolation +
           "\n    required: " + (plugin.required ? "true" : "false") + "\n    config: " + plugin.config_json + "\n";
  }
  return out;
}

}  // namespace operon::config
