/// shown_process.hpp: a run as people look at it before it starts: what its supervisor would be told, and the files it would find.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "plan.hpp"
#include "spec.hpp"

namespace operon::runner_process {

/// One object, {apiVersion, kind: Process, metadata, spec}. It tells what it is given, so no secret may be in that; of files it tells no
/// bytes. `supervisor` is the supervisor's argv, `folder` the run folder.
nlohmann::json shown_process(const std::string& job_id, const std::string& name, const std::vector<std::string>& supervisor,
                             const std::string& folder, const Plan&, const std::vector<SpecRecord>&);

}  // namespace operon::runner_process
