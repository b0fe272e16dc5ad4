/// cgroup_place.hpp: where cgroups of runs can be made.
#pragma once

#include <string>

namespace operon::runner_process {

struct CgroupPlace {
  std::string folder;                              ///< of the cgroup v2 tree, writable; empty when there is none
  bool memory = false, cpu = false, pids = false;  ///< controllers that runs' cgroups get
};

/// `setting` is "auto" (below this process's own cgroup), "off", or a folder. `want_controllers` tries to delegate them.
CgroupPlace find_cgroup_place(const std::string& setting, bool want_controllers);

/// The folder of the cgroup `path` ("/user.slice") seen through the mounts of `mountinfo`; empty when cgroup v2 is not mounted.
std::string cgroup_folder(const std::string& mountinfo, const std::string& path);

}  // namespace operon::runner_process
