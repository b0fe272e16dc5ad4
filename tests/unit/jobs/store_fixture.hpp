/// tests/unit/jobs/store_fixture.hpp: records and requests to put into a store.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/jobs/job_table.hpp"
#include "core/jobs/store.hpp"

namespace operon::jobs::testing {

inline JobRecord record(const std::string& id, int64_t created, Phase phase = Phase::pending) {
  JobRecord made;
  made.job.id = id;
  made.job.target_id = "t-" + std::to_string(created % 3);
  made.job.provider = "file";
  made.job.cluster_name = "c-" + std::to_string(created % 2);
  made.job.scenario_name = "s-" + std::to_string(created % 5);
  made.job.runner = "fake";
  made.job.user = "someone";
  made.job.digest = "d";
  made.job.created_unix_ms = created;
  made.job.phase = phase;
  if (kinds::job_runner::terminal(phase)) made.job.end_unix_ms = created + 1;
  made.json = to_contract_json(made.job);
  return made;
}

inline PendingRequest request(const std::string& id) {
  PendingRequest made;
  made.request.job_id = id;
  made.request.environment["TOKEN"] = "canary-secret-value";
  made.blobs["f0"] = std::make_shared<const std::string>(std::string("\0binary\xff", 8));
  return made;
}

inline std::vector<std::string> ids(const std::vector<PageRow>& rows) {
  std::vector<std::string> out;
  for (const auto& row : rows) out.push_back(row.key.id);
  return out;
}

}  // namespace operon::jobs::testing
