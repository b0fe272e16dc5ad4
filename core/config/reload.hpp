/// core/config/reload.hpp: what changed between two configurations, and what of it a running host can take up.
#pragma once

#include <string>
#include <vector>

#include "core/config/settings.hpp"

namespace operon::config {

struct Change {
  std::vector<std::string> reloadable;      ///< keys
  std::vector<std::string> restart;         ///< keys that need a restart
  std::vector<const PluginEntry*> plugins;  ///< entries of `after` with another config
  bool empty() const { return reloadable.empty() && restart.empty() && plugins.empty(); }
};

/// The pointers are into `after`.
Change compare(const Settings& before, const Settings& after);

/// `before` with the reloadable values of `after`: what is in force once they were taken up. Plugin configuration is left to the caller,
/// who knows which instances took theirs.
Settings take_reloadable(Settings before, const Settings& after);

}  // namespace operon::config
