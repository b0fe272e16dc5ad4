/// core/jobs/jobs.hpp: runs as routes and flows see them, wherever they are recorded.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/jobs/job.hpp"
#include "operon/kinds/job_runner.hpp"

namespace operon::jobs {

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

/// What `start` would do with a command.
struct PlannedStart {
  StartCommand command;  ///< as its runner would be given it
  std::string records;   ///< JSON text of a list: the objects that would be its record, secrets masked; empty where a record is no object
};

struct Stopped {
  Job job;
  bool confirmed = true;   ///< false: the runner has not confirmed within stop_answer_ms; the stop stays latched
  bool was_ended = false;  ///< the run had ended by itself before
};

/// Room that lists leave for what an answer puts around them, so that megabytes are not copied for its sake.
inline constexpr size_t list_frame_bytes = 512;

struct Page {
  std::string jobs_json;       ///< "[{...},...]" in the form of the contract
  std::string continue_token;  ///< empty on the last page
};

struct Freeze {
  bool frozen = false;
  std::string reason, user;
  int64_t since_unix_ms = 0;
  bool operator==(const Freeze&) const = default;
};

/// As it is stored and read again. What makes no sense counts as frozen, with a reason that says so: faults are held back when in doubt.
std::string freeze_text(const Freeze&);
Freeze freeze_of(const std::optional<std::string>& text);  ///< absent: not frozen

/// "frozen by ann: release day", for messages.
std::string who_froze(const Freeze&);

/// One change of one job, in order of revision.
struct JobEvent {
  uint64_t revision = 0;
  std::shared_ptr<const std::string> job_json;  ///< the form of the contract
};

/// Thread-safe. Reading asks no plugin and no server but where it says so.
class Jobs {
 public:
  virtual ~Jobs() = default;

  /// Records the intent, then starts or queues. Throws Error: ALREADY_EXISTS is never seen for the same digest (repeated = true);
  /// FAILED_PRECONDITION for the same id with another digest; UNAVAILABLE while frozen (with the reason) or when the store cannot be
  /// written; RESOURCE_EXHAUSTED at queued_max; the runner's own error otherwise, when nothing runs (the record then ends Failed). A start
  /// of which that is not known, or that a busy runner will be asked for again, is accepted.
  virtual Accepted start(StartCommand) = 0;
  /// Has no effect. Throws Error for a command that could not be recorded.
  virtual PlannedStart plan(StartCommand) const = 0;
  /// Sees every start and stop that returned before. Absent: never heard of, or past retention.
  virtual std::optional<Job> get(std::string_view id) const = 0;
  /// Newest first. limit 0 = all. Throws Error(invalid_argument) for a bad continue token.
  virtual Page list(const JobFilter&, unsigned limit, std::string_view continue_token) const = 0;
  /// Latched and idempotent. Throws Error(not_found).
  virtual Stopped stop(std::string_view id) = 0;
  /// Ends all runs that have not ended; returns ids still not confirmed at the deadline.
  virtual std::vector<std::string> stop_all(std::chrono::milliseconds) = 0;

  virtual void freeze(std::string reason, std::string user) = 0;
  virtual void unfreeze(std::string user) = 0;
  virtual Freeze frozen() const = 0;

  /// No new run; waits for start calls in flight, bounded.
  virtual void drain(std::chrono::milliseconds) = 0;
  /// Something about this run changed: look again. Never blocks.
  virtual void on_notify(const std::string& instance, std::string_view kind, std::string_view key) = 0;
  /// Somebody is about to open this run's log: LogHub knows of it when this returns.
  virtual void prepare_log(const Job&) {}

  /// Events after `revision` that are still kept (`events_kept_max` 10,000); absent when some of them are gone already.
  virtual std::optional<std::vector<JobEvent>> events_after(uint64_t revision, unsigned max) const = 0;
  virtual uint64_t revision() const = 0;
  /// Called after every change, on any thread; must not block. Returns a handle that ends the subscription when destroyed.
  virtual std::shared_ptr<void> subscribe(std::function<void()>) = 0;

  /// For readiness: what is wrong with the records, empty when nothing.
  virtual std::string trouble() const = 0;
};

/// The contract's job object (krkn-operator contract, section 4), one line.
std::string to_contract_json(const Job&);

}  // namespace operon::jobs
