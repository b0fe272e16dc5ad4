/// spec.hpp: what the supervisor of a run is told, the file `spec`, as records in their order (operon/run_folder/spec.hpp).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cgroup_place.hpp"
#include "configuration.hpp"
#include "plan.hpp"

namespace operon::runner_process {

struct SpecRecord {
  std::string_view key;  ///< of operon/run_folder/spec.hpp
  std::string value;
};

/// `token`: what only this run's processes have in their environment.
std::vector<SpecRecord> spec_records(const Configuration&, const CgroupPlace&, const Plan&, const std::string& job_id,
                                     const std::string& token);

/// The file's text.
std::string spec_text(const std::vector<SpecRecord>&);

/// What the configuration calls the limit of this RLIMIT number; empty when it is none that a run is given.
std::string limit_name(int resource);

}  // namespace operon::runner_process
