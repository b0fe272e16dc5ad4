/// operon/kinds/scenario_registry_json.hpp: the JSON form of operon/kinds/scenario_registry.hpp. Include it where JSON is read or written.
/// Links with operon_fields, which owns the JSON form of a field.
#pragma once

#include "operon/kinds/scenario_registry.hpp"
#include "operon/members.hpp"

namespace operon::kinds::scenario_registry {

inline void to_json(nlohmann::json& j, const AdhocRegistry& v) {
  j = {{"registryUrl", v.registry_url}, {"repository", v.repository}, {"username", v.username},
       {"password", v.password},        {"token", v.token},           {"skipTls", v.skip_tls},
       {"insecure", v.insecure}};
}
inline void from_json(const nlohmann::json& j, AdhocRegistry& v) {
  members::expect_object(j);
  v = AdhocRegistry{};
  members::require(j, "registryUrl", v.registry_url);
  members::read(j, "repository", v.repository);
  members::read(j, "username", v.username);
  members::read(j, "password", v.password);
  members::read(j, "token", v.token);
  members::read(j, "skipTls", v.skip_tls);
  members::read(j, "insecure", v.insecure);
}

inline void to_json(nlohmann::json& j, const ListRequest& v) {
  j = nlohmann::json::object();
  members::write(j, "registry", v.registry);
}
inline void from_json(const nlohmann::json& j, ListRequest& v) {
  members::expect_object(j);
  v = ListRequest{};
  members::read(j, "registry", v.registry);
}

inline void to_json(nlohmann::json& j, const Summary& v) {
  j = {{"name", v.name}, {"reference", v.reference}};
  members::write(j, "digest", v.digest);
  members::write(j, "size", v.size);
  members::write(j, "lastModified", v.last_modified);
  members::write(j, "title", v.title);
  members::write(j, "description", v.description);
}
inline void from_json(const nlohmann::json& j, Summary& v) {
  members::expect_object(j);
  v = Summary{};
  members::require(j, "name", v.name);
  members::require(j, "reference", v.reference);
  members::read(j, "digest", v.digest);
  members::read(j, "size", v.size);
  members::read(j, "lastModified", v.last_modified);
  members::read(j, "title", v.title);
  members::read(j, "description", v.description);
}

inline void to_json(nlohmann::json& j, const ListState& v) {
  j = {{"partial", v.partial}, {"ageMs", v.age_ms}};
}
inline void from_json(const nlohmann::json& j, ListState& v) {
  members::expect_object(j);
  v = ListState{};
  members::read(j, "partial", v.partial);
  members::read(j, "ageMs", v.age_ms);
}

inline void to_json(nlohmann::json& j, const ScenarioRequest& v) {
  j = {{"name", v.name}, {"reference", v.reference}};
  members::write(j, "registry", v.registry);
  members::write(j, "digest", v.digest);
}
inline void from_json(const nlohmann::json& j, ScenarioRequest& v) {
  members::expect_object(j);
  v = ScenarioRequest{};
  members::read(j, "name", v.name);
  members::read(j, "reference", v.reference);
  members::read(j, "registry", v.registry);
  members::read(j, "digest", v.digest);
  if (v.name.empty() && v.reference.empty()) throw members::MemberError("name", "is required when there is no `reference`");
}

inline void to_json(nlohmann::json& j, const Scenario& v) {
  j = {{"summary", v.summary}, {"title", v.title}, {"description", v.description}, {"fields", v.fields}};
  members::write_text(j, "run", v.run);
  if (v.has_rollback) j["hasRollback"] = true;
}
inline void from_json(const nlohmann::json& j, Scenario& v) {
  members::expect_object(j);
  v = Scenario{};
  members::require(j, "summary", v.summary);
  members::read(j, "title", v.title);
  members::read(j, "description", v.description);
  members::read(j, "fields", v.fields);
  members::read_text(j, "run", v.run);
  members::read(j, "hasRollback", v.has_rollback);
}

}  // namespace operon::kinds::scenario_registry
