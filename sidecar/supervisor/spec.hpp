/// spec.hpp: what to run, read from the file `spec`.
#pragma once

#include <stdint.h>

#include "buffer.hpp"

namespace operon::supervisor {

struct Limit {
  int resource;    ///< RLIMIT_...
  uint64_t value;  ///< soft and hard
};

inline constexpr unsigned limits_max = 16;

/// Numbers that are needed as long as the run lives.
struct Settings {
  int64_t time_limit_ms = 0;
  int64_t revert_limit_ms = 60000;
  int64_t grace_ms = 5000;
  uint64_t segment_bytes = 16u << 20;
  uint64_t log_bytes_max = 1u << 30;
  bool revert_always = false;
  bool has_revert = false;
  bool has_cgroup = false;
};

/// The strings point into `text`. Dropped once the program runs, read again when it is to be undone.
struct Spec {
  Buffer text;
  Strings arguments, environment, revert_arguments, cgroup_settings, secret_files;
  const char* workdir = "/";
  const char* cgroup = nullptr;
  const char* token = nullptr;
  Limit limits[limits_max];
  unsigned limit_count = 0;
  Settings settings;

  void clear();
};

/// False (and errno) when there is none that this version understands.
bool load_spec(Spec& spec);

}  // namespace operon::supervisor
