/// core/jobs/job.hpp: what is known of one run: the record that is made before anything else and outlives it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "operon/kinds/job_runner.hpp"

namespace operon::jobs {

using operon::kinds::job_runner::Phase;

struct Job {
  std::string id;  ///< uuid
  std::string target_id, provider, cluster_name, scenario_name, scenario_image;
  std::string runner;      ///< instance name
  std::string registry;    ///< instance that described the scenario; empty when its fields are unknown
  std::string user;        ///< who asked
  std::string digest;      ///< sha256 of the request without credentials
  bool validated = false;  ///< values were checked against the scenario's fields
  Phase phase = Phase::pending;
  std::string message;
  int64_t created_unix_ms = 0;
  std::optional<int64_t> start_unix_ms, end_unix_ms;
  std::optional<int> exit_code;
  int64_t timeout_seconds = 0;
  bool stop_requested = false;  ///< latched: enforced also after a restart
  uint64_t revision = 0;        ///< of the last change, over all jobs; the id of its server-sent event

  std::string pod_name() const { return "krkn-job-" + id; }
  bool ended() const { return kinds::job_runner::terminal(phase); }
};

/// Exact, ANDed; empty = any.
struct JobFilter {
  std::optional<Phase> phase;
  std::string scenario_name, target_id, cluster_name;
};

inline bool matches(const Job& job, const JobFilter& filter) {
  return (!filter.phase || job.phase == *filter.phase) && (filter.scenario_name.empty() || job.scenario_name == filter.scenario_name) &&
         (filter.target_id.empty() || job.target_id == filter.target_id) &&
         (filter.cluster_name.empty() || job.cluster_name == filter.cluster_name);
}

}  // namespace operon::jobs
