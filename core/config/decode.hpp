/// core/config/decode.hpp: from the merged tree to typed settings.
#pragma once

#include <string>
#include <vector>

#include "core/config/settings.hpp"
#include "core/config/tree.hpp"

namespace operon::config {

/// Everything that is wrong, one line each, goes to `problems` (as "place: what; what to do"); what is right is taken.
Settings decode(const Tree& root, std::vector<std::string>& problems);

}  // namespace operon::config
