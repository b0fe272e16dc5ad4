/// mount_path.hpp: where a run's files lie: their mount paths inside the run folder.
#pragma once

#include <string>
#include <vector>

namespace operon::runner_process {

/// The path below the folder `root` of the run ("etc/app.yaml" for "/etc//app.yaml").
/// Throws Error(failed_precondition) with field `where`: relative, with "..", too long, or over /proc, /sys, /dev or the service account's
/// folder.
std::string inside(const std::string& mount_path, const std::string& where);

/// Throws Error(failed_precondition) when two of the paths are the same, or one would be a folder of another.
void check_distinct(std::vector<std::string> paths);

}  // namespace operon::runner_process
