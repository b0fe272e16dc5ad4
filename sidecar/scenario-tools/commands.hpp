/// commands.hpp: the subcommands. Each returns the exit code: 0 done, 1 the scenario failed. They throw UsageError, and std::exception for
/// the rest.
#pragma once

#include <string_view>
#include <vector>

namespace scenario {

using Arguments = std::vector<std::string_view>;

/// Says hello `--count` times to `--name`, `--interval` seconds apart, and ends with `--exit-status`.
int hello(const Arguments&);
/// Takes `--size-mib` of the disk under `--directory` for `--duration` seconds, but never the last `--keep-free-mib`.
int disk_fill(const Arguments&);
/// Sends `--signal` to at most `--count` (0 = all) processes whose name is exactly `--name`. After STOP it waits `--duration` seconds and
/// lets them go on.
int process_kill(const Arguments&);
/// Undoes a process-kill that could not end by itself: lets every process of that name go on, when `--signal` was STOP.
int process_continue(const Arguments&);
/// Become stress-ng, once the numbers are known to be in range.
int cpu_hog(const Arguments&);
int memory_hog(const Arguments&);
/// Asks `--url` `--count` times, `--interval` seconds apart; each must answer `--expect` within `--timeout` seconds. At most `--failures`
/// may not.
int http_probe(const Arguments&);

}  // namespace scenario
