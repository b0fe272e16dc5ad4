/// core/jobs/job_table.hpp: the one read model of runs, and the only place that starts, stops and recovers them.
///
/// Reading never calls a plugin. A run's intent is in the store before its runner is asked; every accepted run reaches one terminal phase.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/jobs/jobs.hpp"
#include "core/jobs/log_hub.hpp"

namespace operon::base {
class Clock;
}

namespace operon::jobs {

class RunStore;
class Runners;
struct JobRecord;

struct JobLimits {
  unsigned running_per_target_max = 10;
  unsigned running_per_runner_max = 1000;
  unsigned queued_max = 10000;
  int64_t timeout_seconds_default = 6 * 3600;
  int64_t stop_grace_seconds = 5;
  std::chrono::milliseconds stop_answer_ms{10000};  ///< after that DELETE answers 202
  int64_t runner_copy_kept_seconds = 3600;          ///< a run that ended by itself stays with its runner so long; DELETE removes it at once
  uint64_t jobs_kept_max = 100000;                  ///< retention by age and count
  int64_t kept_seconds_max = 7 * 24 * 3600;
};

/// The runs of one host, on a store of its own. Thread-safe.
class JobTable final : public Jobs {
 public:
  /// All must outlive it. `Runners` of the host: core/jobs/instance_runners.hpp.
  JobTable(std::shared_ptr<RunStore>, const Runners&, LogHub&, base::Clock&, JobLimits);
  ~JobTable() override;

  /// Reads the store, asks each run's runner to recover, enforces latched stops, starts what was queued. Before readiness.
  void recover();

  Accepted start(StartCommand) override;
  PlannedStart plan(StartCommand) const override;
  std::optional<Job> get(std::string_view id) const override;
  Page list(const JobFilter&, unsigned limit, std::string_view continue_token) const override;
  Stopped stop(std::string_view id) override;
  std::vector<std::string> stop_all(std::chrono::milliseconds) override;
  void freeze(std::string reason, std::string user) override;
  void unfreeze(std::string user) override;
  Freeze frozen() const override;
  void drain(std::chrono::milliseconds) override;
  void on_notify(const std::string& instance, std::string_view kind, std::string_view key) override;
  std::optional<std::vector<JobEvent>> events_after(uint64_t revision, unsigned max) const override;
  uint64_t revision() const override;
  std::shared_ptr<void> subscribe(std::function<void()>) override;
  std::string trouble() const override;

  // For a store that other hosts write to as well (core/jobs/cluster_jobs.hpp): what they did.

  /// The run, when this table has it in hand; what has ended is the store's to tell.
  std::optional<Job> in_hand(std::string_view id) const;
  /// A run that was recorded elsewhere: asks its runner what it has of it, and starts it when that is nothing. `newest` is its record as it
  /// is now, absent when there is nothing to take up; called under the table's lock, after every end of ours that is durable. Never blocks.
  void take_up(const std::string& id, const std::function<std::optional<JobRecord>()>& newest);
  /// As stop(), without waiting for anything.
  void ask_to_stop(const std::string& id);
  /// The record was deleted: what its runner and the log hub still have goes.
  void record_removed(const JobRecord&);
  /// Somebody else has stored another freeze.
  void reread_freeze();

  /// Looks at once for what is due (time limits, retries, retention) instead of within a second. For clocks that jump.
  void wake();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace operon::jobs
