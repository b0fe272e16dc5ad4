/// program.hpp: starting the run's program, and what undoes it.
#pragma once

#include <sys/types.h>

#include <string_view>

#include "cgroup.hpp"
#include "spec.hpp"

namespace operon::supervisor {

struct Program {
  const Spec& spec;
  const Strings& arguments;
  const Cgroup& cgroup;
  int output;  ///< becomes stdout and stderr
  /// The cgroup was killed before. Some kernels (seen: 6.18) take a fork into such a one for a fork during the kill, and end it.
  bool cgroup_was_killed = false;
};

struct Started {
  pid_t pid = 0;                 ///< 0: it does not run
  std::string_view failed_step;  ///< words of operon/run_folder/status.hpp
  int failed_errno = 0;
};

/// In a session of its own, without a shell; dies with this process. Returns when execve succeeded or failed.
Started start_program(const Program& program);

/// Makes the kernel choose the run before its supervisor when memory is short; the run gets the inherited value back.
void protect_from_oom_killer();

}  // namespace operon::supervisor
