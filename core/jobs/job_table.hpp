/// core/jobs/job_table.hpp: the one read model of runs, and the only place that starts, stops and recovers them.
///
/// Reading never calls a plugin. A run's intent is in the store before its runner is asked; every accepted run reaches one terminal phase.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/jobs/job.hpp"
#include "core/jobs/log_hub.hpp"
#include "operon/kinds/job_runner.hpp"

namespace operon::base {
class Clock;
}

namespace operon::jobs {

class Store;
class Runners;

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

/// Everything decided and checked: what `start` needs.
struct StartCommand {
  Job job;                                  ///< id, names, runner, user, digest, timeout
  kinds::job_runner::StartRequest request;  ///< files name blobs in `blobs`
  std::map<std::string, std::shared_ptr<const std::string>> blobs;
};

struct Accepted {
  Job job;
  bool repeated = false;  ///< the record was there before: same id, same digest
};

struct Stopped {
  Job job;
  bool confirmed = true;   ///< false: the runner has not confirmed within stop_answer_ms; the stop stays latched
  bool was_ended = false;  ///< the run had ended by itself before
};

struct Page {
  std::string jobs_json;       ///< "[{...},...]" in the form of the contract
  std::string continue_token;  ///< empty on the last page
};

struct Freeze {
  bool frozen = false;
  std::string reason, user;
  int64_t since_unix_ms = 0;
};

/// "frozen by ann: release day", for messages.
std::string who_froze(const Freeze&);

/// One change of one job, in order of revision.
struct JobEvent {
  uint64_t revision = 0;
  std::shared_ptr<const std::string> job_json;  ///< the form of the contract
};

/// Thread-safe.
class JobTable {
 public:
  /// All must outlive it. `Runners` of the host: core/jobs/instance_runners.hpp.
  JobTable(std::shared_ptr<Store>, const Runners&, LogHub&, base::Clock&, JobLimits);
  ~JobTable();

  /// Reads the store, asks each run's runner to recover, enforces latched stops, starts what was queued. Before readiness.
  void recover();
  /// No new run; waits for start calls in flight, bounded.
  void drain(std::chrono::milliseconds);

  /// Records the intent, then starts or queues. Throws Error: ALREADY_EXISTS is never seen for the same digest (repeated = true);
  /// FAILED_PRECONDITION for the same id with another digest; UNAVAILABLE while frozen (with the reason) or when the store cannot be
  /// written; RESOURCE_EXHAUSTED at queued_max; the runner's own error otherwise, when nothing runs (the record then ends Failed). A start
  /// of which that is not known, or that a busy runner will be asked for again, is accepted.
  Accepted start(StartCommand);
  /// Sees every start and stop that returned before. Absent: never heard of, or past retention.
  std::optional<Job> get(std::string_view id) const;
  /// Newest first. limit 0 = all. Throws Error(invalid_argument) for a bad continue token.
  Page list(const JobFilter&, unsigned limit, std::string_view continue_token) const;
  /// Latched and idempotent. Throws Error(not_found).
  Stopped stop(std::string_view id);
  /// Ends all runs that have not ended; returns ids still not confirmed at the deadline.
  std::vector<std::string> stop_all(std::chrono::milliseconds);

  void freeze(std::string reason, std::string user);
  void unfreeze(std::string user);
  Freeze frozen() const;

  /// Something about this run changed: look again. Never blocks.
  void on_notify(const std::string& instance, std::string_view kind, std::string_view key);

  /// Events after `revision` that are still kept (`events_kept_max` 10,000); absent when some of them are gone already.
  std::optional<std::vector<JobEvent>> events_after(uint64_t revision, unsigned max) const;
  uint64_t revision() const;
  /// Called after every change, on any thread; must not block. Returns a handle that ends the subscription when destroyed.
  std::shared_ptr<void> subscribe(std::function<void()>);

  /// Looks at once for what is due (time limits, retries, retention) instead of within a second. For clocks that jump.
  void wake();

  /// For readiness: what is wrong with the store, empty when nothing.
  std::string store_trouble() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The contract's job object (krkn-operator contract, section 4), one line.
std::string to_contract_json(const Job&);

}  // namespace operon::jobs
