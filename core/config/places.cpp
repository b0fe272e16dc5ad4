#include "core/config/places.hpp"

#include <unistd.h>

#include <string_view>
#include <system_error>

namespace operon::config {
namespace fs = std::filesystem;

Surroundings Surroundings::of_this_process() {
  Surroundings around;
  std::error_code ignored;
  around.executable = fs::read_symlink("/proc/self/exe", ignored);
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto equals = text.find('=');
    if (equals != std::string_view::npos) around.environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  around.root = geteuid() == 0;
  return around;
}

std::string Surroundings::variable(const std::string& name) const {
  const auto found = environment.find(name);
  return found == environment.end() ? std::string() : found->second;
}

fs::path default_state_dir(const Surroundings& around) {
  if (const auto given = around.variable("STATE_DIRECTORY"); !given.empty()) return given.substr(0, given.find(':'));
  if (const auto home = around.variable("XDG_STATE_HOME"); home.starts_with('/')) return fs::path(home) / "operon";
  if (around.root) return "/var/lib/operon";
  if (const auto home = around.variable("HOME"); home.starts_with('/')) return fs::path(home) / ".local/state/operon";
  return {};
}

std::vector<std::string> default_plugin_dirs(const Surroundings& around) {
  const auto prefix = around.executable.parent_path().parent_path();
  std::vector<std::string> dirs;
  const auto installed = prefix / OPERON_PLUGIN_DIR;
  for (const auto& dir : {prefix / "plugins", installed}) {
    std::error_code ignored;
    if (fs::is_directory(dir, ignored)) dirs.push_back(dir.string());
  }
  if (dirs.empty()) dirs.push_back(installed.string());
  return dirs;
}

fs::path default_scenario_dir(const Surroundings& around) {
  const auto prefix = around.executable.parent_path().parent_path();
  const auto installed = prefix / "share/operon/scenarios";
  for (const auto& dir : {installed, prefix.parent_path() / "config/scenarios"}) {
    std::error_code ignored;
    if (fs::is_directory(dir, ignored)) return dir;
  }
  return installed;
}

}  // namespace operon::config
