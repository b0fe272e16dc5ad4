/// supervisor_process.hpp: starting the supervisor of one run.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "operon/fd.hpp"

namespace operon::runner_process {

enum class SupervisorTask { run, clean_up };

/// Its argv.
std::vector<std::string> supervisor_arguments(const std::filesystem::path& program, const std::filesystem::path& folder, SupervisorTask);

/// Starts it detached from this process, and waits until it has written the run's status or died. The lock goes over to it: between
/// the making of a run folder and the supervisor's end it is never free. True when the status was written.
/// Throws Error(unavailable, resource_exhausted) when it cannot be started.
bool start_supervisor(const std::filesystem::path& program, const std::filesystem::path& folder, Fd lock, SupervisorTask task);

}  // namespace operon::runner_process
