#include "spec.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>

#include "operon/run_folder/layout.hpp"
#include "operon/run_folder/records.hpp"
#include "operon/run_folder/spec.hpp"

namespace operon::runner_process {

namespace keys = run_folder::spec;

namespace {

constexpr int64_t cpu_period_us = 100000;  ///< what the kernel's cpu.max is told in

struct ResourceLimit {
  int resource;
  const char* name;
  std::optional<int64_t> value;
};

std::vector<ResourceLimit> resource_limits(const Limits& limits) {
  return {{RLIMIT_CORE, "coreBytes", 0},
          {RLIMIT_NOFILE, "openFiles", limits.open_files},
          {RLIMIT_NPROC, "processes", limits.processes},
          {RLIMIT_CPU, "cpuSeconds", limits.cpu_seconds},
          {RLIMIT_AS, "addressSpaceBytes", limits.address_space_bytes},
          {RLIMIT_DATA, "dataBytes", limits.data_bytes},
          {RLIMIT_FSIZE, "fileBytes", limits.file_bytes}};
}

class Records {
 public:
  void add(std::string_view key, std::string value) { records_.push_back({key, std::move(value)}); }
  void add(std::string_view key, uint64_t number) { add(key, std::to_string(number)); }

  void add_limits(const Limits& limits) {
    for (const auto& limit : resource_limits(limits)) {
      if (limit.value) add(keys::limit, std::to_string(limit.resource) + " " + std::to_string(*limit.value));
    }
  }

  void add_cgroup(const CgroupPlace& place, const Limits& limits, const std::string& job_id) {
    if (place.folder.empty()) return;
    add(keys::cgroup, place.folder + "/operon-run-" + job_id);
    if (place.memory && limits.memory_bytes) add(keys::cgroup_setting, "memory.max " + std::to_string(*limits.memory_bytes));
    if (place.pids && limits.tasks) add(keys::cgroup_setting, "pids.max " + std::to_string(*limits.tasks));
    if (place.cpu && limits.cpus) {
      const auto quota = std::max<int64_t>(1000, std::llround(*limits.cpus * static_cast<double>(cpu_period_us)));
      add(keys::cgroup_setting, "cpu.max " + std::to_string(quota) + " " + std::to_string(cpu_period_us));
    }
  }

  std::vector<SpecRecord> take() { return std::move(records_); }

 private:
  std::vector<SpecRecord> records_;
};

}  // namespace

std::vector<SpecRecord> spec_records(const Configuration& c, const CgroupPlace& place, const Plan& plan, const std::string& job_id,
                                     const std::string& token) {
  Records spec;
  spec.add(keys::version, static_cast<uint64_t>(run_folder::format_version));
  for (const auto& argument : plan.arguments) spec.add(keys::argument, argument);
  for (const auto& argument : plan.revert_arguments) spec.add(keys::revert_argument, argument);
  for (const auto& [name, value] : plan.environment) spec.add(keys::environment, name + "=" + value);
  const auto entry = "OPERON_RUN=" + job_id + "." + token;
  spec.add(keys::environment, entry);
  spec.add(keys::token, entry);
  spec.add(keys::workdir, plan.workdir);
  if (plan.revert_always) spec.add(keys::revert_always, "1");
  spec.add(keys::time_limit_ms, static_cast<uint64_t>(plan.time_limit_ms));
  spec.add(keys::revert_limit_ms, static_cast<uint64_t>(c.revert_seconds_max) * 1000);
  spec.add(keys::grace_ms, static_cast<uint64_t>(c.grace_seconds) * 1000);
  spec.add(keys::segment_bytes, c.log_segment_bytes);
  spec.add(keys::log_bytes_max, c.log_bytes_max);
  for (const auto& file : plan.files) spec.add(keys::secret_file, std::string(run_folder::root_folder) + "/" + file.path);
  spec.add_limits(c.limits);
  spec.add_cgroup(place, c.limits, job_id);
  return spec.take();
}

std::string spec_text(const std::vector<SpecRecord>& records) {
  std::string text;
  for (const auto& record : records) run_folder::append_record(text, record.key, record.value);
  return text;
}

std::string limit_name(int resource) {
  for (const auto& limit : resource_limits({})) {
    if (limit.resource == resource) return limit.name;
  }
  return {};
}

}  // namespace operon::runner_process
