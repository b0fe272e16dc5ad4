#include "core/app/operond/check_plugins.hpp"

#include <filesystem>

#include "core/base/scrubber.hpp"
#include "core/plugin/loader.hpp"
#include "operon/error.hpp"

namespace operon::app {

void check_plugins(const config::Settings& settings, std::vector<std::string>& problems, std::vector<std::string>& notices) {
  const std::vector<std::filesystem::path> folders(settings.plugin_dirs.begin(), settings.plugin_dirs.end());
  for (const auto& entry : settings.plugins) {
    plugin::Manifest manifest;
    try {
      manifest = plugin::find_plugin(folders, entry.plugin).manifest;
      plugin::check_library(manifest);
    } catch (const Error& e) {
      const auto line = entry.where + ": plugins." + entry.name + " would be refused: " + base::scrub(e.what());
      (entry.required ? problems : notices).push_back(line);
      continue;
    }
    try {
      plugin::check_configuration(manifest, entry.config_json, entry.where);
    } catch (const Error& e) {
      problems.push_back(base::scrub(e.what()));
    }
  }
}

}  // namespace operon::app
