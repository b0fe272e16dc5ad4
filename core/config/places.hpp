/// core/config/places.hpp: where this host finds and keeps things when nobody told it.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace operon::config {

/// What the process sees around it; tests make their own.
struct Surroundings {
  std::filesystem::path executable;  ///< absolute
  std::map<std::string, std::string> environment;
  bool root = false;

  static Surroundings of_this_process();
  /// Empty when not set or empty.
  std::string variable(const std::string& name) const;
};

/// The first of $STATE_DIRECTORY (set by systemd), $XDG_STATE_HOME/operon, /var/lib/operon for root, ~/.local/state/operon; empty when
/// there is none of them.
std::filesystem::path default_state_dir(const Surroundings&);
/// Beside the program: ../plugins in a build folder, ../<libdir>/operon/plugins when installed; those that exist, else the second.
std::vector<std::string> default_plugin_dirs(const Surroundings&);
/// ../share/operon/scenarios when installed, ../../config/scenarios in a source tree; the first that exists.
std::filesystem::path default_scenario_dir(const Surroundings&);

}  // namespace operon::config
