/// status.hpp: writing, and for the clean-up reading, what became of the run.
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include <string_view>

namespace operon::supervisor {

struct Status {
  std::string_view state;  ///< words of operon/run_folder/status.hpp throughout
  pid_t pid = 0;
  int64_t start_unix_ms = 0, end_unix_ms = 0;
  std::string_view cause;
  int exit_code = -1;
  int signal = 0;
  bool out_of_memory = false;
  std::string_view failed_step;
  int failed_errno = 0;
  std::string_view failed_on;
  int64_t time_limit_ms = 0;
  std::string_view revert;
  uint64_t log_end = 0, log_lost = 0;
};

/// Sets room aside, so that the end can be written down on a full disk too. False (and errno) when there is none.
bool reserve_status_room();

/// Replaces the status as a whole. `durable` waits for the disk. False (and errno) when it could not be.
bool write_status(const Status& status, bool durable);

/// What the clean-up needs of the status that a dead supervisor left: pid, start time, and whether the machine is still the same boot.
bool read_status(Status& status, bool& same_boot);

}  // namespace operon::supervisor
