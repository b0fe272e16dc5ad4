/// core/app/operonctl/run_values.hpp: the values of a run, from the command line, a file and the terminal to the request.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "core/app/operonctl/scenario_lookup.hpp"
#include "core/app/operonctl/settings.hpp"

namespace operon::ctl {

using Values = std::map<std::string, std::string>;                    ///< by variable; of a file field: a local path
using LocalFiles = std::vector<std::pair<std::string, std::string>>;  ///< local path, mount path

/// "VARIABLE=VALUE" each. Throws Error(invalid_argument) naming the one that is not, without its value.
Values assignments(const std::vector<std::string>& set);

/// Asks for the required values that are missing, on a terminal; elsewhere throws Error(failed_precondition) listing them. True when
/// something was asked.
bool complete(const Settings&, const Scenario&, const LocalFiles&, Values&);

/// The request's `environment` and `files`: local files read, values checked by the fields when they are known. Throws Error.
nlohmann::json values_body(const Scenario&, Values, const LocalFiles&);

}  // namespace operon::ctl
