#include "core/jobs/run_controller.hpp"

#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>
#include <vector>

#include "core/base/clock.hpp"
#include "core/jobs/cluster_jobs.hpp"
#include "core/jobs/log_hub.hpp"
#include "core/jobs/start_rules.hpp"
#include "core/kube/work_queue.hpp"
#include "core/log/log.hpp"

namespace operon::jobs {

using std::chrono::milliseconds;

namespace {

constexpr unsigned workers = 4;
constexpr milliseconds look_again_while_deleting{1000};

kube::WorkQueue::Limits queue_limits() {
  kube::WorkQueue::Limits limits;
  limits.retry = {milliseconds(100), milliseconds(30'000)};
  return limits;
}

/// A word for a condition's reason.
const char* reason_of(Code code) {
  switch (code) {
    case Code::not_found:
      return "NotFound";
    case Code::invalid_argument:
      return "InvalidRequest";
    case Code::permission_denied:
      return "Forbidden";
    default:
      return "Refused";
  }
}

}  // namespace

struct RunController::Impl {
  Impl(ObjectStore& s, LogHub& h, base::Clock& k, milliseconds d)
      : store(s), hub(h), clock(k), deletion_ms_max(d), queue(queue_limits(), k) {}

  ObjectStore& store;
  LogHub& hub;
  base::Clock& clock;
  const milliseconds deletion_ms_max;
  kube::WorkQueue queue;
  std::mutex mutex;
  std::shared_ptr<JobTable> table;
  RunReader reader;
  std::set<std::string> followed;  ///< job ids whose log is read here though another host leads
  std::vector<std::thread> threads;

  void work() {
    while (const auto name = queue.take()) {
      try {
        const auto again = reconcile(*name);
        queue.forget(*name);
        if (again) queue.add_after(*name, *again);
      } catch (const Error& e) {
        log::warn("a Run could not be worked on; it is tried again", {{"run", *name}, {"reason", e.what()}});
        queue.add_failed(*name, e.retry_after_ms());
      } catch (const std::exception& e) {
        log::error("a Run cannot be worked on", {{"run", *name}, {"reason", e.what()}});
        queue.add_failed(*name);
      }
      queue.done(*name);
    }
  }

  /// Returns when to look again by itself.
  std::optional<milliseconds> reconcile(const std::string& name) {
    const auto row = store.row_of_name(name);
    if (!row) return std::nullopt;
    std::shared_ptr<JobTable> leading;
    {
      std::lock_guard lock(mutex);
      leading = table;
    }
    if (!leading) {
      carry_log(*row);
      return std::nullopt;
    }
    const Job& job = row->record.job;
    if (row->deleting) return deleted(*leading, *row);
    if (job.ended() && row->held() && !leading->in_hand(job.id)) store.let_go(*row);  // who wrote its end came no further
    if (!row->accepted) {
      if (!job.ended()) accept(*leading, *row);
      return std::nullopt;
    }
    take_up(*leading, job.id);
    // Stopped by kubectl or on another host; an ended one's objects go.
    if (row->stop_asked && row->record.cleanup != Cleanup::none) leading->ask_to_stop(job.id);
    return std::nullopt;
  }

  void take_up(JobTable& leading, const std::string& id) {
    leading.take_up(id, [this, &id] { return store.open_record(id); });
  }

  std::optional<milliseconds> deleted(JobTable& leading, const RunRow& row) {
    if (!row.held()) return std::nullopt;
    const Job& job = row.record.job;
    if (job.ended() || !row.accepted) {
      store.let_go(row);
      return std::nullopt;
    }
    take_up(leading, job.id);
    leading.ask_to_stop(job.id);
    if (clock.unix_ms() - row.deleting_since_ms < deletion_ms_max.count()) return look_again_while_deleting;
    log::warn("a deleted Run is let go although its runner has not confirmed that it was stopped",
              {{"job_id", job.id}, {"runner", job.runner}});
    store.let_go(row);
    return std::nullopt;
  }

  /// A Run that somebody applied: the same checks, record and start that a body of POST gets.
  void accept(JobTable& leading, const RunRow& row) {
    if (row.stop_asked) return store.refuse(row, Phase::stopped, "Stopped", "stopped before it was accepted");
    RunReader read;
    {
      std::lock_guard lock(mutex);
      read = reader;
    }
    try {
      leading.start(read.command(store.read(row)));
    } catch (const Error& e) {
      const auto now = store.row_of_name(row.name);
      if (!now || now->uid != row.uid || now->accepted || now->record.job.ended()) return;  // its end is on record, with these words
      if (!definite(e.code())) {
        store.explain(*now, std::string("not accepted yet: ") + e.what());
        throw;
      }
      store.refuse(*now, Phase::failed, reason_of(e.code()), e.what());
    }
  }

  void carry_log(const RunRow& row) {
    const std::string& id = row.record.job.id;
    {
      std::lock_guard lock(mutex);
      if (followed.count(id) == 0) return;
      if (row.record.job.ended()) followed.erase(id);
    }
    if (row.started()) hub.begin(id, row.record.job.runner, row.record.handle);
    if (row.record.job.ended()) hub.end(id, [] {});
  }
};

RunController::RunController(ObjectStore& store, LogHub& hub, base::Clock& clock, milliseconds deletion_ms_max)
    : impl_(std::make_unique<Impl>(store, hub, clock, deletion_ms_max)) {}

RunController::~RunController() {
  stop();
}

void RunController::set_reader(RunReader reader) {
  std::lock_guard lock(impl_->mutex);
  impl_->reader = std::move(reader);
}

void RunController::start() {
  for (unsigned i = 0; i < workers; ++i) impl_->threads.emplace_back([impl = impl_.get()] { impl->work(); });
}

void RunController::stop() {
  impl_->queue.shut_down();
  for (auto& thread : impl_->threads) thread.join();
  impl_->threads.clear();
}

void RunController::lead(std::shared_ptr<JobTable> table) {
  const bool leads = table != nullptr;
  {
    std::lock_guard lock(impl_->mutex);
    impl_->table.swap(table);
  }
  if (!leads) return;
  for (const auto& row : impl_->store.rows()) impl_->queue.add(row->name);
}

void RunController::look(const std::string& name) {
  impl_->queue.add(name);
}

void RunController::look_at_waiting() {
  for (const auto& row : impl_->store.rows()) {
    if (!row->accepted && !row->record.job.ended()) impl_->queue.add(row->name);
  }
}

void RunController::follow_log(const std::string& job_id, const std::string& name) {
  {
    std::lock_guard lock(impl_->mutex);
    impl_->followed.insert(job_id);
  }
  impl_->queue.add(name);
}

}  // namespace operon::jobs
