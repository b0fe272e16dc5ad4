#include "core/rest/scenario_json.hpp"

#include <nlohmann/json.hpp>

#include "operon/kinds/scenario_registry_json.hpp"

namespace operon::rest {

nlohmann::json summary_json(const kinds::scenario_registry::Summary& s) {
  nlohmann::json j = {{"name", s.name}};
  if (s.digest) j["digest"] = *s.digest;
  if (s.size) j["size"] = *s.size;
  if (s.last_modified) j["lastModified"] = *s.last_modified;
  return j;
}

nlohmann::json scenario_json(const kinds::scenario_registry::Scenario& s) {
  nlohmann::json j = summary_json(s.summary);
  if (s.summary.last_modified) j["last_modified"] = *s.summary.last_modified;
  j["title"] = s.title;
  j["description"] = s.description;
  j["fields"] = s.fields;
  return j;
}

void say_how_whole(http::Response& response, const kinds::scenario_registry::ListState& state) {
  if (state.partial) response.headers.emplace_back("Operon-Partial", "true");
  if (state.age_ms > 0) response.headers.emplace_back("Age", std::to_string(state.age_ms / 1000));
}

}  // namespace operon::rest
