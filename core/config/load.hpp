/// core/config/load.hpp: flag over environment over file over default, checked.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/config/command_line.hpp"
#include "core/config/places.hpp"
#include "core/config/settings.hpp"

namespace operon::config {

struct Loaded {
  Settings settings;
  std::vector<std::string> problems;  ///< any: the configuration is refused; each one line
  std::vector<std::string> notices;   ///< worth a line in the log: options without effect
};

/// Never throws for what a user wrote: that is in `problems`.
Loaded load(const CommandLine&, const Surroundings&);

/// What is right in itself and wrong together: listeners without authentication, half a certificate, placements that are not there,
/// defaults that name no instance. Appends to `problems`.
void check(const Settings&, std::vector<std::string>& problems);

/// The settings as a YAML document that loads to the same settings.
std::string to_yaml(const Settings&);

}  // namespace operon::config
