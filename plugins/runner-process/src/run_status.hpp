/// run_status.hpp: the file `status` of a run folder, and what it means in words.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "operon/kinds/job_runner.hpp"

namespace operon::runner_process {

/// As the supervisor wrote it; words of operon/run_folder/status.hpp.
struct RunStatus {
  std::string state, cause, failed_step, failed_on, revert;
  std::optional<int64_t> start_unix_ms, end_unix_ms;
  std::optional<int> exit_code, signal;
  bool out_of_memory = false;
  int failed_errno = 0;
  int64_t time_limit_ms = 0;
  uint64_t log_end = 0, log_lost = 0;

  bool ended() const;
};

/// None when there is no status yet. One that a power cut tore counts as `starting`.
std::optional<RunStatus> read_run_status(const std::filesystem::path& folder);

/// For the host.
kinds::job_runner::RunState to_state(const std::string& job_id, const std::optional<RunStatus>& status);

}  // namespace operon::runner_process
