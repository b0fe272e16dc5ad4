/// cgroup.hpp: a cgroup v2 of the run's own, where one can be made. Without it the sub-reaper does the work.
#pragma once

#include "buffer.hpp"

namespace operon::supervisor {

class Cgroup {
 public:
  /// Makes the folder and writes the settings ("memory.max 1000000") that the delegated controllers take. False: none here.
  bool make(const char* path, const Strings& settings);
  /// Of a supervisor that died.
  bool adopt(const char* path);
  bool exists() const { return path_[0] != '\0'; }
  /// A descriptor of the folder, below 0 when there is none.
  int open_folder() const;
  /// Takes the calling process in. Only async-signal-safe calls.
  bool enter() const;
  /// True when the kernel killed something in it for want of memory.
  bool out_of_memory() const;
  void kill() const;
  bool empty() const;
  void remove();

 private:
  bool write(const char* file, const char* value) const;
  bool event(const char* file, const char* name) const;
  char path_[512] = {};
};

}  // namespace operon::supervisor
