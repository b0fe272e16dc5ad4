/// core/app/operonctl/dry_run.hpp: what `run` would send, and what would come of it, for people and programs to look at.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/app/operonctl/scenario_lookup.hpp"
#include "core/app/operonctl/settings.hpp"

namespace operon::ctl {

/// The body of POST /scenarios/run with "***" for credentials and secret values, and the size of files in the place of their content.
/// `secret_variables`: names that are secret beside those that the scenario's fields say.
nlohmann::json masked(const Scenario&, const nlohmann::json& secret_variables, nlohmann::json body);

/// `all`: a list of {"body": masked, "headers": those that matter, or absent, "plan": the answer of POST /operon/v1/runs/plan}.
void print_dry_runs(const Settings&, const nlohmann::json& all);

}  // namespace operon::ctl
