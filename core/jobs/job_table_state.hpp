/// core/jobs/job_table_state.hpp: the inside of the job table. For job_table*.cpp only.
///
/// One lock guards all of it and is never held over a runner's or the disk's answer. Runs that have not ended live here; ended ones leave
/// as soon as their end is durable. A run goes recording -> (queued ->) starting -> started -> ended; `unsure` is where the host must first
/// ask the runner what it knows.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <thread>
#include <unordered_map>

#include "core/base/clock.hpp"
#include "core/jobs/event_ring.hpp"
#include "core/jobs/job_table.hpp"
#include "core/jobs/runner_client.hpp"
#include "core/jobs/runners.hpp"
#include "core/jobs/start_queue.hpp"
#include "core/jobs/store.hpp"
#include "core/jobs/worker_pool.hpp"
#include "core/metrics/metrics.hpp"

namespace operon::jobs {

namespace kind = kinds::job_runner;

enum class Stage { recording, queued, starting, unsure, started, ended };

struct Entry {
  JobRecord record;
  Stage stage = Stage::recording;
  bool counted = false;    ///< holds a place among the running
  bool announced = false;  ///< visible to readers
  std::mutex log_mutex;    ///< taken before the table's: a log is begun once, and before it is ended
  bool log_begun = false;
  bool looking = false, look_again = false;
  bool stop_calling = false;
  unsigned stop_tries = 0, look_tries = 0;
  int64_t stop_again_ms = 0, look_again_ms = 0;  ///< steady
  int64_t looked_ms = 0;                         ///< steady
  int64_t started_ms = 0;                        ///< steady: when this host learnt that it has started
  int64_t unsure_since_ms = 0;                   ///< steady; 0 = not for a start's sake
  uint64_t written_revision = 0;
  bool write_failed = false;
  std::string start_error;  ///< why the last try to start it failed
  std::shared_ptr<const std::string> json;

  const Job& job() const { return record.job; }
};
using EntryPtr = std::shared_ptr<Entry>;

struct TableMetrics {
  metrics::Counter starts = metrics::counter("operon_job_starts_total", "Runs that were handed to a runner");
  metrics::Histogram start_seconds = metrics::histogram("operon_job_start_seconds", "From the recorded intent to the runner's answer",
                                                        {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30});
  metrics::Gauge queued = metrics::gauge("operon_jobs_queued", "Runs that wait for a place");
  std::map<Phase, metrics::Gauge> jobs;
  std::map<Phase, metrics::Counter> ends;
  TableMetrics();
};

struct JobTable::Impl {
  using Lock = std::unique_lock<std::mutex>;

  Impl(std::shared_ptr<RunStore>, const Runners&, LogHub&, base::Clock&, JobLimits);
  ~Impl();

  // job_table.cpp
  void freeze(Freeze);
  void load_freeze();
  void load_revision();

  // job_table_state.cpp: called with the lock held
  EntryPtr find(std::string_view id) const;
  void insert(const EntryPtr&);
  void erase(const EntryPtr&);
  /// Gives the run's present state a revision, tells it and writes it.
  void changed(Entry&);
  void announce(Entry&);
  void write(Entry&);
  void written(const std::string& id, uint64_t revision, Stage);
  bool durable(const Entry& e) const { return e.written_revision >= e.job().revision || e.write_failed; }
  void set_phase(Entry&, Phase);
  void set_message(Entry&, std::string message);
  void leave_running(Entry&);
  std::string queue_message(const Entry&) const;
  Job shown(const Entry&) const;
  std::string target_key(const Job&) const;
  int64_t steady_ms() const;

  // job_table_starts.cpp: without the lock
  Accepted start(StartCommand&&);
  /// Hands it to its runner. True: the runner has answered well (or has it after all). Sets `error` for the one who asked.
  bool run_start(const EntryPtr&, const PendingRequest&, std::optional<Error>& error);
  bool start_failed(const EntryPtr&, const Error&);
  void request_missing(const EntryPtr&, const Error&);
  void start_later(Entry&);
  void start_queued(const EntryPtr&);
  void dispatch();

  // job_table_ends.cpp
  /// What the runner says of the run. Without the lock.
  void apply(const EntryPtr&, const kind::RunState&);
  /// With the lock; what follows from it is done by after_end without the lock.
  void end(Entry&, Phase, std::string message, std::optional<int> exit_code, std::optional<int64_t> end_ms);
  void after_end(const EntryPtr&, bool ask_runner = true);
  void end_now(const EntryPtr&, Phase, std::string message, bool ask_runner = true);
  void begin_log(const EntryPtr&);
  void log_archived(const std::string& id);
  void record_archived(const std::string& id);
  void destroy(JobRecord);
  void schedule_destroy(JobRecord);

  // job_table_recovery.cpp
  void recover();
  EntryPtr taken_up(JobRecord);  ///< with the lock
  void take_up(const std::string& id, const std::function<std::optional<JobRecord>()>& newest);
  void take_up_ended();
  void record_removed(const JobRecord&);
  void schedule_look(const EntryPtr&);  ///< with the lock
  void look(const EntryPtr&);
  void inspect(const EntryPtr&, const RunnerClient&);
  void resolve(const EntryPtr&, const RunnerClient&);
  void resolve_unknown(const EntryPtr&);
  void look_later(const EntryPtr&, const std::string& message);
  std::optional<RunnerClient> client_of(const std::string& runner) const;
  void notified(const std::string& instance, std::string_view key);

  // job_table_stops.cpp
  Stopped stop(std::string_view id);
  void ask_to_stop(const std::string& id);
  Stopped stop_ended(const JobRecord&);
  std::vector<std::string> stop_all(std::chrono::milliseconds);
  void latch_stop(Entry&);             ///< with the lock
  void enforce_stop(const EntryPtr&);  ///< without the lock
  void ask_stop(const EntryPtr&);
  void stop_answered(const EntryPtr&, const RunResult&);

  // job_table_upkeep.cpp
  void upkeep_loop();
  void upkeep();
  void upkeep_runs(int64_t now, std::vector<EntryPtr>& stops);
  bool past_deadline(const Entry&, int64_t now) const;
  void wake();
  void retry_writes();
  void probe_store();
  void retention();
  void reserve_revisions();
  void clean_runners();

  // job_table_reads.cpp
  std::optional<Job> get(std::string_view id) const;
  Page list(const JobFilter&, unsigned limit, std::string_view token) const;

  const std::shared_ptr<RunStore> store_;
  const Runners& runners_;
  LogHub& hub_;
  base::Clock& clock_;
  const JobLimits limits_;
  TableMetrics metrics_;
  EventRing events_;

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;  ///< an entry moved on, or was written
  std::unordered_map<std::string, EntryPtr> entries_;
  std::map<PageKey, EntryPtr> ordered_;
  StartQueue queue_;
  uint64_t revision_ = 0;
  uint64_t revision_reserved_ = 0;
  Freeze freeze_;
  std::mutex freeze_store_mutex_;  ///< taken before `mutex_`: one writes at a time
  bool draining_ = false;
  bool recovering_ = false;  ///< it is not known yet what runs: nothing starts
  unsigned starting_ = 0;
  unsigned stops_in_flight_ = 0;
  std::deque<EntryPtr> stops_waiting_;

  /// Of one ended run from its runner.
  struct Removal {
    bool under_way = false;
    unsigned tries = 0;
    int64_t again_ms = 0;  ///< steady
  };
  std::map<std::string, Removal> destroy_wanted_;  ///< as soon as its log is archived

  /// Late callbacks of store, hub and runners find the table gone instead of freed.
  struct Gate {
    std::shared_mutex mutex;  ///< taken before the table's lock
    Impl* table = nullptr;
    std::mutex dirty_mutex;  ///< taken last: a refused write is told while the table's lock is held
    std::set<std::string> dirty;
    std::set<std::string> dirty_archived;  ///< whose log is archived, which is not recorded
  };
  const std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();

  bool upkeep_stop_ = false, upkeep_due_ = false;
  std::condition_variable upkeep_wake_;
  int64_t retention_ms_ = 0, clean_ms_ = 0;
  WorkerPool starts_, looks_;
  std::thread upkeep_thread_;
};

inline constexpr unsigned start_threads = 6, start_threads_per_runner = 4, look_threads = 6, look_threads_per_runner = 4;
inline constexpr unsigned stops_in_flight_max = 128;
inline constexpr int64_t resync_ms = 30000;
inline constexpr int64_t start_unsure_ms_max = 60000;
inline constexpr int64_t backstop_grace_ms = 30000;
inline constexpr uint64_t revisions_reserved = 10000;

}  // namespace operon::jobs
