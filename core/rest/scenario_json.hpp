/// core/rest/scenario_json.hpp: scenarios as the contract writes them.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "operon/kinds/scenario_registry.hpp"

namespace operon::rest {

/// {"name", "digest"?, "size"?, "lastModified"?}
nlohmann::json summary_json(const kinds::scenario_registry::Summary&);
/// The same with title, description and fields, and the date in both spellings that are about (last_modified, lastModified).
nlohmann::json scenario_json(const kinds::scenario_registry::Scenario&);

}  // namespace operon::rest
