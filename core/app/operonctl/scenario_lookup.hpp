/// core/app/operonctl/scenario_lookup.hpp: a scenario as a registry tells it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/app/operonctl/client.hpp"
#include "core/app/operonctl/registry_choice.hpp"
#include "operon/fields/field.hpp"

namespace operon::ctl {

/// What the run is of: its name, its reference, its fields when the host knows them.
struct Scenario {
  std::string name, reference, digest;
  std::string registry;  ///< instance; empty when it is not known
  std::vector<fields::Field> fields;
  bool known = false;
};

/// The scenario's name, title, description, registry, reference, digest, fields and globals. `body`: registry_body() of the choice.
nlohmann::json scenario_detail(Client&, const RegistryChoice&, const nlohmann::json& body, const std::string& name);

/// `word`: a scenario's name, dir://NAME, or a container image reference, which no registry is asked about.
Scenario look_up(Client&, const RegistryChoice&, const nlohmann::json& body, const std::string& word);

}  // namespace operon::ctl
