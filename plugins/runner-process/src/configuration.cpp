#include "configuration.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "operon/members.hpp"
#include "variables.hpp"

namespace operon::runner_process {

namespace fs = std::filesystem;

constexpr const char* supervisor_program = "operon-supervisor";

static std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// The host says where its state is; a lone plugin (a test, `operonctl plugin call`) keeps to the user's folder.
static fs::path default_state_dir(const std::string& instance) {
  const auto name = instance.empty() ? std::string("runner-process") : instance;
  if (const auto state = environment("OPERON_STATE_DIR"); !state.empty()) return fs::absolute(state) / "runner-process" / name;
  if (const auto state = environment("XDG_STATE_HOME"); !state.empty()) return fs::absolute(state) / "operon/runner-process" / name;
  if (const auto home = environment("HOME"); !home.empty()) return fs::absolute(home) / ".local/state/operon/runner-process" / name;
  throw Error(Code::failed_precondition,
              "stateDir is not set, and the environment has neither OPERON_STATE_DIR nor HOME to derive it from");
}

static bool executable(const fs::path& path) {
  return fs::is_regular_file(path) && ::access(path.c_str(), X_OK) == 0;
}

static fs::path find_supervisor() {
  std::error_code error;
  const auto self = fs::read_symlink("/proc/self/exe", error);
  if (!error && executable(self.parent_path() / supervisor_program)) return self.parent_path() / supervisor_program;
  const auto path = environment("PATH");
  for (size_t at = 0; at <= path.size();) {
    const auto end = std::min(path.find(':', at), path.size());
    const fs::path folder = path.substr(at, end - at);
    if (folder.is_absolute() && executable(folder / supervisor_program)) return folder / supervisor_program;
    at = end + 1;
  }
  return {};
}

static Limits read_limits(const nlohmann::json& json) {
  Limits limits;
  members::expect_object(json);
  members::read(json, "openFiles", limits.open_files);
  members::read(json, "processes", limits.processes);
  members::read(json, "cpuSeconds", limits.cpu_seconds);
  members::read(json, "addressSpaceBytes", limits.address_space_bytes);
  members::read(json, "dataBytes", limits.data_bytes);
  members::read(json, "fileBytes", limits.file_bytes);
  members::read(json, "memoryBytes", limits.memory_bytes);
  members::read(json, "cpus", limits.cpus);
  members::read(json, "tasks", limits.tasks);
  return limits;
}

Configuration read_configuration(const nlohmann::json& json, const std::string& instance) {
  Configuration c;
  std::string state_dir, supervisor;
  members::expect_object(json);
  members::read(json, "stateDir", state_dir);
  members::read(json, "supervisor", supervisor);
  members::read(json, "timeLimitSecondsDefault", c.time_limit_seconds_default);
  members::read(json, "timeLimitSecondsMax", c.time_limit_seconds_max);
  members::read(json, "graceSeconds", c.grace_seconds);
  members::read(json, "revertSecondsMax", c.revert_seconds_max);
  members::read(json, "logBytesMax", c.log_bytes_max);
  members::read(json, "logSegmentBytes", c.log_segment_bytes);
  members::read(json, "cgroup", c.cgroup);
  members::read(json, "passEnvironment", c.pass_environment);
  members::read(json, "path", c.path);
  if (json.contains("limits")) members::detail::within("limits", [&] { c.limits = read_limits(json["limits"]); });

  c.state_dir = state_dir.empty() ? default_state_dir(instance) : fs::path(state_dir);
  c.supervisor = supervisor.empty() ? find_supervisor() : fs::path(supervisor);
  if (!supervisor.empty() && !executable(c.supervisor)) {
    throw Error(Code::failed_precondition, "supervisor: '" + supervisor + "' is not a program that can be run").with_field("supervisor");
  }
  if (c.time_limit_seconds_default > c.time_limit_seconds_max) c.time_limit_seconds_default = c.time_limit_seconds_max;
  c.log_segment_bytes = std::min(c.log_segment_bytes, std::max<uint64_t>(c.log_bytes_max / 4, 1024));
  for (const auto& name : c.pass_environment) check_variable_name(name, "passEnvironment");
  return c;
}

}  // namespace operon::runner_process
