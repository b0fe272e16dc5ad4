/// core/rest/scenario_json.hpp: scenarios as the contract writes them.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "core/http/message.hpp"
#include "operon/kinds/scenario_registry.hpp"

namespace operon::rest {

/// {"name", "digest"?, "size"?, "lastModified"?}
nlohmann::json summary_json(const kinds::scenario_registry::Summary&);
/// The same with title, description and fields, and the date in both spellings that are about (last_modified, lastModified).
nlohmann::json scenario_json(const kinds::scenario_registry::Scenario&);

/// The header `Operon-Partial: true` while a registry is still reading, and `Age` (RFC 9111 section 5.1, seconds) of a list that it could
/// not renew.
void say_how_whole(http::Response&, const kinds::scenario_registry::ListState&);

}  // namespace operon::rest
