/// core/app/operond/check_plugins.hpp: --check-config looks at plugins too, without loading one.
#pragma once

#include <string>
#include <vector>

#include "core/config/settings.hpp"

namespace operon::app {

/// A configuration that a plugin's schema refuses, and a required plugin that is not there, are problems; any other plugin that would be
/// refused is a notice, since the host serves without it.
void check_plugins(const config::Settings&, std::vector<std::string>& problems, std::vector<std::string>& notices);

}  // namespace operon::app
