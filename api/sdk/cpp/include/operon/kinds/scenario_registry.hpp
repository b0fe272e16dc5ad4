/// operon/kinds/scenario_registry.hpp: requests and answers of `operon.scenario-registry/1`, for host and plugins alike.
/// The JSON form is api/schemas/operon.scenario-registry.v1.json.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "operon/fields/field.hpp"

namespace operon::kinds::scenario_registry {

inline constexpr const char* id = "operon.scenario-registry/1";

namespace verb {
inline constexpr const char* list = "list";        ///< ListRequest -> items Summary, and an event ListState where there is something to say
inline constexpr const char* detail = "detail";    ///< ScenarioRequest -> Scenario; NOT_FOUND
inline constexpr const char* globals = "globals";  ///< ScenarioRequest -> Scenario (the base image's part); NOT_FOUND
}  // namespace verb

/// A registry named in the request itself; only for instances whose manifest declares the attribute `adhoc`.
struct AdhocRegistry {
  std::string registry_url, repository, username, password, token;
  bool skip_tls = false, insecure = false;
};

struct ListRequest {
  std::optional<AdhocRegistry> registry;
};

struct Summary {
  std::string name;
  std::string reference;  ///< what `scenarioImage` is for it: "dir://NAME" or an image reference
  std::optional<std::string> digest;
  std::optional<int64_t> size;                        ///< bytes
  std::optional<std::string> last_modified;           ///< RFC 3339
  std::optional<std::string> title{}, description{};  ///< in a list, so that it can be searched; of one scenario they stand beside it
};

/// How far a list can be relied on.
struct ListState {
  bool partial = false;  ///< some scenarios are still being read
  int64_t age_ms = 0;    ///< of the list, when the registry could not be asked for a newer one
};

/// By name or, when `name` is empty, by the reference that a run names.
struct ScenarioRequest {
  std::string name;
  std::string reference;
  std::optional<AdhocRegistry> registry;
  std::optional<std::string> digest{};  ///< the image that somebody was shown: a registry that remembers another one looks anew
};

struct Scenario {
  Summary summary;
  std::string title, description;
  std::vector<fields::Field> fields;
  std::string run;            ///< JSON text, opaque to the host, handed to the runner; empty when there is none
  bool has_rollback = false;  ///< the scenario can undo what it did
};

// Defined in scenario_registry_json.hpp: include it where they are used.
inline void to_json(nlohmann::json&, const ListRequest&);
inline void from_json(const nlohmann::json&, ListRequest&);
inline void to_json(nlohmann::json&, const Summary&);
inline void from_json(const nlohmann::json&, Summary&);
inline void to_json(nlohmann::json&, const ListState&);
inline void from_json(const nlohmann::json&, ListState&);
inline void to_json(nlohmann::json&, const ScenarioRequest&);
inline void from_json(const nlohmann::json&, ScenarioRequest&);
inline void to_json(nlohmann::json&, const Scenario&);
inline void from_json(const nlohmann::json&, Scenario&);

}  // namespace operon::kinds::scenario_registry
