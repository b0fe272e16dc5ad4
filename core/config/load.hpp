/// core/config/load.hpp: flag over environment over file over default, checked.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
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
/// defaults that name no instance. Appends to `problems`. `where` says where a key got its value ("operond.yaml:3"; empty for a default):
/// of a list, where the entry of that text stands.
using Where = std::function<std::string(std::string_view key, std::string_view entry)>;
void check(const Settings&, const Where& where, std::vector<std::string>& problems);

/// The settings as a YAML document that loads to the same settings.
std::string to_yaml(const Settings&);

}  // namespace operon::config
