#include <nlohmann/json.hpp>

#include "core/base/text.hpp"
#include "core/jobs/jobs.hpp"
#include "operon/kinds/job_runner_json.hpp"

namespace operon::jobs {

std::string to_contract_json(const Job& job) {
  nlohmann::ordered_json text = {{"jobId", job.id},
                                 {"targetId", job.target_id},
                                 {"clusterName", job.cluster_name},
                                 {"scenarioName", job.scenario_name},
                                 {"status", kinds::job_runner::to_string(job.phase)},
                                 {"podName", job.pod_name()}};
  if (job.start_unix_ms) text["startTime"] = base::rfc3339(*job.start_unix_ms);
  if (job.end_unix_ms) text["completionTime"] = base::rfc3339(*job.end_unix_ms);
  if (!job.message.empty()) text["message"] = job.message;
  // A runner's message may hold anything: what is not UTF-8 is shown as such, never thrown.
  return text.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace operon::jobs
