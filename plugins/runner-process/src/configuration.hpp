/// configuration.hpp: one instance's configuration (schema.json), with every default filled in.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace operon::runner_process {

struct Limits {
  int64_t open_files = 65536;
  std::optional<int64_t> processes, cpu_seconds, address_space_bytes, data_bytes, file_bytes;
  std::optional<int64_t> memory_bytes, tasks;  ///< by cgroup
  std::optional<double> cpus;                  ///< by cgroup
};

struct Configuration {
  std::filesystem::path state_dir;   ///< absolute
  std::filesystem::path supervisor;  ///< absolute; empty when there is none to be found
  int64_t time_limit_seconds_default = 21600, time_limit_seconds_max = 604800;
  int64_t grace_seconds = 5, revert_seconds_max = 60;
  uint64_t log_bytes_max = 1ull << 30, log_segment_bytes = 16ull << 20;
  std::string cgroup = "auto";
  std::vector<std::string> pass_environment;
  std::string path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  Limits limits;

  std::filesystem::path runs_dir() const { return state_dir / "runs"; }
  std::filesystem::path temp_dir() const { return state_dir / "tmp"; }
};

/// Throws Error(invalid_argument, failed_precondition) naming the member at fault.
Configuration read_configuration(const nlohmann::json& json, const std::string& instance);

}  // namespace operon::runner_process
