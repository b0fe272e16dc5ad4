/// runs.hpp: the runs of one instance: starting, finding again, stopping, removing them.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "cgroup_place.hpp"
#include "configuration.hpp"
#include "log_tails.hpp"
#include "operon/sdk/host.hpp"
#include "operon/sdk/job_runner.hpp"
#include "prepared_run.hpp"
#include "run_status.hpp"
#include "watcher.hpp"

namespace operon::runner_process {

/// Thread-safe. The folders are the truth; what is kept in memory is who waits for what.
class Runs {
 public:
  using StopCall = sdk::AsyncCall<sdk::RunState>;

  Runs(Configuration configuration, sdk::Host host);
  ~Runs();
  Runs(const Runs&) = delete;
  Runs& operator=(const Runs&) = delete;

  /// Throws what start would throw, without an effect.
  void validate(const sdk::StartRequest& request) const;
  /// The process that start would start, from the same plan and spec. The host's own variables are masked here, all else by who asks.
  sdk::Plan plan(const sdk::StartRequest& request) const;
  sdk::RunState start(const sdk::StartRequest& request, const BlobReader& read_blob);
  /// Throws Error(not_found).
  sdk::RunState inspect(const std::string& job);
  std::vector<sdk::RunState> list();
  /// Answers with the final state, unless the call's time ends before: what undoes the run may take longer. The run is stopped all the
  /// same.
  void stop(const StopCall& call, const sdk::StopRequest& request);
  void logs(const LogsCall& call, const sdk::LogsRequest& request);
  void destroy(const std::string& job);
  /// Joins all threads; runs go on.
  void quiesce();

 private:
  std::filesystem::path folder_of(const std::string& job) const;
  std::optional<sdk::RunState> look(const std::string& job);
  std::optional<sdk::RunState> look_at_dead(const std::string& job, const std::filesystem::path& folder);
  void discard(const std::string& job, const std::filesystem::path& folder);
  void changed(const std::string& job, bool certain);
  Plan planned(const sdk::StartRequest& request, const Environment& passed) const;
  void tell_waiters(const std::string& job, const sdk::RunState& state);
  void take_up();
  void ask_to_stop(const std::filesystem::path& folder, int64_t grace_seconds);

  const Configuration configuration_;
  const sdk::Host host_;
  const CgroupPlace cgroup_place_;
  std::mutex probe_mutex_;  ///< one probe of a lock at a time: two would take each other for a supervisor
  std::mutex waiters_mutex_;
  std::unordered_multimap<std::string, StopCall> waiters_;
  LogTails tails_;
  Watcher watcher_;
};

}  // namespace operon::runner_process
