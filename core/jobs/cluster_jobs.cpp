#include "core/jobs/cluster_jobs.hpp"

#include <atomic>
#include <mutex>
#include <nlohmann/json.hpp>

#include "core/base/clock.hpp"
#include "core/base/text.hpp"
#include "core/jobs/event_ring.hpp"
#include "core/jobs/log_hub.hpp"
#include "core/jobs/page_token.hpp"
#include "core/jobs/run_controller.hpp"
#include "core/jobs/start_rules.hpp"
#include "core/jobs/worker_pool.hpp"
#include "core/kube/events.hpp"
#include "core/log/log.hpp"
#include "operon/kinds/job_runner_json.hpp"

namespace operon::jobs {

using nlohmann::json;
namespace kind = kinds::job_runner;

namespace {

constexpr const char* freeze_key = "freeze";
constexpr unsigned stop_threads = 8;

/// Events of another host, or of this one before a restart, are never taken for ours.
uint64_t first_revision(base::Clock& clock) {
  return static_cast<uint64_t>(clock.unix_ms()) * 1000;
}

}  // namespace

struct ClusterJobs::Impl {
  Impl(std::shared_ptr<kube::Client> c, std::string ns, const Runners& r, LogHub& h, base::Clock& k, JobLimits l, ClusterJobLimits cl)
      : client(std::move(c)),
        runners(r),
        hub(h),
        clock(k),
        limits(l),
        cluster_limits(cl),
        store(std::make_shared<ObjectStore>(
            client, std::move(ns), clock, [this](const std::string& id, size_t max) { return hub.tail(id, max); }, cl.store)),
        events(*client, "operon.dev/operond", "operond"),
        controller(*store, hub, clock, cl.deletion_ms_max) {
    ring.begin_after(first_revision(clock));
    store->on_change([this](const RowPtr& before, const RowPtr& now) { changed(before, now); });
    store->on_skipped([this](const std::string& name, const std::string& uid, const Error& e) {
      log::warn("a Run makes no sense and is left out", {{"run", base::printable(name)}, {"reason", e.what()}});
      if (!uid.empty()) tell(name, uid, true, "Malformed", "Read", std::string("left out: ") + e.what());
    });
    store->on_freeze([this] { freeze_changed(); });
  }

  const std::shared_ptr<kube::Client> client;
  const Runners& runners;
  LogHub& hub;
  base::Clock& clock;
  const JobLimits limits;
  const ClusterJobLimits cluster_limits;
  const std::shared_ptr<ObjectStore> store;
  kube::EventRecorder events;
  EventRing ring;
  mutable std::mutex mutex;
  std::shared_ptr<JobTable> leading;   ///< null while another host leads
  std::shared_ptr<JobTable> notified;  ///< the same, and while it still takes up what there is
  std::atomic<bool> draining{false};
  RunController controller;
  WorkerPool stops{stop_threads, stop_threads}, chores{1, 1};

  std::shared_ptr<JobTable> table() const {
    std::lock_guard lock(mutex);
    return leading;
  }

  Freeze frozen() const { return freeze_of(store->meta(freeze_key)); }

  void freeze(const Freeze& wanted) {
    store->set_meta(freeze_key, freeze_text(wanted));
    log::warn(wanted.frozen ? "frozen: no run starts until this is lifted" : "unfrozen: runs start again",
              {{"reason", wanted.reason}, {"user", wanted.user}});
  }

  void freeze_changed() {
    if (const auto all = table()) chores.post("freeze", [all] { all->reread_freeze(); });
    controller.look_at_waiting();
  }

  Job shown(const RunRow& row) const {
    Job job = row.record.job;
    if (!row.accepted || row.started() || job.ended() || !job.message.empty()) return job;
    const Freeze freeze = frozen();
    job.message = freeze.frozen ? "waiting: " + who_froze(freeze) : "waiting to be started";
    return job;
  }

  Job told(const RunRow& row) const {
    if (const auto all = row.record.job.ended() ? nullptr : table()) {
      if (auto job = all->in_hand(row.record.job.id)) return *job;
    }
    return shown(row);
  }

  void changed(const RowPtr& before, const RowPtr& now);
  void tell(const std::string& name, const std::string& uid, bool warning, const std::string& reason, const std::string& action,
            const std::string& note);
  Accepted start_elsewhere(StartCommand);
  Stopped stop_elsewhere(const RowPtr&);
};

/// On the client's thread.
void ClusterJobs::Impl::changed(const RowPtr& before, const RowPtr& now) {
  if (!now) {
    chores.post("gone", [this, before] {
      if (const auto all = before->accepted ? table() : nullptr) return all->record_removed(before->record);
      hub.forget(before->record.job.id);
    });
    return;
  }
  const Job& job = now->record.job;
  if (!before || before->record.json != now->record.json) {
    ring.push(ring.revision() + 1, std::make_shared<const std::string>(to_contract_json(shown(*now))));
    ring.tell();
  }
  if (before && before->record.job.phase != job.phase && table()) {
    const bool failed = job.phase == Phase::failed;
    tell(now->name, now->uid, failed, kind::to_string(job.phase), failed ? "Run" : kind::to_string(job.phase),
         job.message.empty() ? std::string("the run is ") + kind::to_string(job.phase) : job.message);
  }
  if (!now->ignored.empty() && (!before || before->ignored != now->ignored)) {
    log::warn("a Run has an annotation that makes no sense", {{"run", now->name}, {"reason", now->ignored}});
    tell(now->name, now->uid, true, "Malformed", "Read", now->ignored);
  }
  controller.look(now->name);
}

void ClusterJobs::Impl::tell(const std::string& name, const std::string& uid, bool warning, const std::string& reason,
                             const std::string& action, const std::string& note) {
  kube::Event event;
  event.regarding = {run_api_version, "Run", store->name_space(), name, uid};
  event.warning = warning;
  event.reason = reason;
  event.action = action;
  event.note = note;
  events.record(std::move(event));
}

/// Another host leads: it is recorded here, and taken up there.
Accepted ClusterJobs::Impl::start_elsewhere(StartCommand command) {
  complete(command, limits.timeout_seconds_default, clock.unix_ms());
  const std::string id = command.job.id;
  if (const auto known = store->row(id); known && known->accepted) return repeat_of(shown(*known), command.job.digest);
  if (draining) throw Error(Code::unavailable, "operon is stopping: no new run is accepted");
  if (const Freeze freeze = frozen(); freeze.frozen) throw frozen_error(freeze);
  if (store->waiting() >= limits.queued_max) {
    throw Error(Error(Code::resource_exhausted, std::to_string(limits.queued_max) + " runs wait already (queued_max): try again later")
                    .with_reason("QueueFull"));
  }
  JobRecord record;
  record.job = command.job;
  if (!store->insert(record, {std::move(command.request), std::move(command.blobs)})) {
    const auto known = store->find(id);
    if (!known) throw Error(Code::unavailable, "the record of run " + id + " is being removed: use another key");
    return repeat_of(shown(*known), command.job.digest);
  }
  store->wait(id, cluster_limits.start_answer_ms, [](const RowPtr& row) { return !row || row->started() || row->record.job.ended(); });
  const auto row = store->row(id);
  if (!row) throw Error(Code::unavailable, "the record of run " + id + " was removed before it started");
  if (row->record.job.phase == Phase::failed && !row->started()) throw Error(Code::failed_precondition, row->record.job.message);
  return {shown(*row), false};
}

Stopped ClusterJobs::Impl::stop_elsewhere(const RowPtr& row) {
  const Job& job = row->record.job;
  store->ask_to_stop(*row);
  if (job.ended()) return {job, true, !(job.stop_requested && job.phase == Phase::stopped)};
  const bool ended = store->wait(job.id, limits.stop_answer_ms, [](const RowPtr& now) { return !now || now->record.job.ended(); });
  const auto now = store->row(job.id);
  return {now ? shown(*now) : job, ended, false};
}

ClusterJobs::ClusterJobs(std::shared_ptr<kube::Client> client, std::string name_space, const Runners& runners, LogHub& hub,
                         base::Clock& clock, JobLimits limits, ClusterJobLimits cluster_limits)
    : impl_(std::make_shared<Impl>(std::move(client), std::move(name_space), runners, hub, clock, limits, cluster_limits)) {}

ClusterJobs::~ClusterJobs() {
  stop_working();
}

void ClusterJobs::stop_working() {
  impl_->store->stop();
  follow();
  impl_->controller.stop();
  impl_->stops.stop();
  impl_->chores.stop();
}

void ClusterJobs::set_reader(RunReader reader) {
  impl_->store->set_request_of([command = reader.command](const json& run) {
    StartCommand whole = command(run);
    return PendingRequest{std::move(whole.request), std::move(whole.blobs)};
  });
  impl_->controller.set_reader(std::move(reader));
}

void ClusterJobs::begin() {
  impl_->store->begin();
}

void ClusterJobs::resume() {
  impl_->controller.start();
  impl_->store->start();
}

void ClusterJobs::lead(std::function<bool()> holds) {
  impl_->store->set_owner(std::move(holds));
  auto table = std::make_shared<JobTable>(impl_->store, impl_->runners, impl_->hub, impl_->clock, impl_->limits);
  {
    std::lock_guard lock(impl_->mutex);
    impl_->notified = table;
  }
  table->recover();
  {
    std::lock_guard lock(impl_->mutex);
    impl_->leading = table;
  }
  impl_->controller.lead(std::move(table));
}

void ClusterJobs::follow() {
  impl_->store->set_owner(nullptr);  // what is still on its way is for the next leader to find out
  impl_->controller.lead(nullptr);
  std::shared_ptr<JobTable> table, same;
  {
    std::lock_guard lock(impl_->mutex);
    table.swap(impl_->leading);
    same.swap(impl_->notified);
  }
  if (same) same->drain(std::chrono::milliseconds(0));
}

Accepted ClusterJobs::start(StartCommand command) {
  const auto table = impl_->table();
  if (!table) return impl_->start_elsewhere(std::move(command));
  // Another host may have recorded it at the same time. While this start was at it, what the cache told of that record was left to it: who
  // finds in the end that the record is not his own has it looked at again, or nobody would start it.
  const std::string id = command.job.id;
  const auto look_again = [this, &id] {
    if (const auto row = impl_->store->row(id)) impl_->controller.look(row->name);
  };
  try {
    auto accepted = table->start(std::move(command));
    if (accepted.repeated) look_again();
    return accepted;
  } catch (const Error&) {
    look_again();
    throw;
  }
}

PlannedStart ClusterJobs::plan(StartCommand command) const {
  complete(command, impl_->limits.timeout_seconds_default, impl_->clock.unix_ms());
  JobRecord record;
  record.job = command.job;
  auto records = impl_->store->planned(record, {command.request, command.blobs});
  command.request.owner = owner_to_be(record);
  return {std::move(command), std::move(records)};
}

std::optional<Job> ClusterJobs::get(std::string_view id) const {
  const auto row = impl_->store->find(id);
  if (!row) return std::nullopt;
  return impl_->told(*row);
}

Page ClusterJobs::list(const JobFilter& filter, unsigned limit, std::string_view continue_token) const {
  const auto rows = impl_->store->page(filter, limit == 0 ? 0 : limit + 1, read_token(continue_token));
  Page page;
  size_t bytes = list_frame_bytes;
  for (const auto& row : rows) bytes += row->record.json.size() + 1;
  page.jobs_json.reserve(bytes);
  page.jobs_json = "[";
  unsigned count = 0;
  for (const auto& row : rows) {
    if (limit != 0 && count == limit) {
      page.continue_token = make_token(rows[count - 1]->key());
      break;
    }
    if (count++ != 0) page.jobs_json += ',';
    page.jobs_json += row->record.job.ended() ? row->record.json : to_contract_json(impl_->told(*row));
  }
  page.jobs_json += ']';
  return page;
}

Stopped ClusterJobs::stop(std::string_view id) {
  const auto row = impl_->store->find(id);
  if (!row) throw Error(Code::not_found, "Job with ID '" + base::printable(id) + "' not found");
  const auto table = impl_->table();
  if (!table || !row->accepted) return impl_->stop_elsewhere(row);
  table->take_up(row->record.job.id, [&] { return impl_->store->open_record(row->record.job.id); });
  return table->stop(id);
}

std::vector<std::string> ClusterJobs::stop_all(std::chrono::milliseconds bound) {
  const auto deadline = std::chrono::steady_clock::now() + bound;
  std::vector<RowPtr> rows;
  for (const auto& row : impl_->store->rows()) {
    if (!row->record.job.ended()) rows.push_back(row);
  }
  for (const auto& row : rows) {
    impl_->stops.post("", [impl = impl_.get(), row] {
      const auto table = impl->table();
      if (!table || !row->accepted) return impl->store->ask_to_stop(*row);
      const std::string& id = row->record.job.id;
      table->take_up(id, [&] { return impl->store->open_record(id); });
      table->ask_to_stop(id);
    });
  }
  std::vector<std::string> unconfirmed;
  for (const auto& row : rows) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    const auto over = [](const RowPtr& now) { return !now || now->record.job.ended(); };
    if (!impl_->store->wait(row->record.job.id, std::max(left, std::chrono::milliseconds(0)), over))
      unconfirmed.push_back(row->record.job.id);
  }
  return unconfirmed;
}

void ClusterJobs::freeze(std::string reason, std::string user) {
  impl_->freeze({true, std::move(reason), std::move(user), impl_->clock.unix_ms()});
}
void ClusterJobs::unfreeze(std::string user) {
  impl_->freeze({false, "", std::move(user), impl_->clock.unix_ms()});
}
Freeze ClusterJobs::frozen() const {
  return impl_->frozen();
}

void ClusterJobs::drain(std::chrono::milliseconds bound) {
  impl_->draining = true;
  if (const auto table = impl_->table()) table->drain(bound);
}

void ClusterJobs::on_notify(const std::string& instance, std::string_view kind_word, std::string_view key) {
  std::shared_ptr<JobTable> table;
  {
    std::lock_guard lock(impl_->mutex);
    table = impl_->notified;
  }
  if (table) table->on_notify(instance, kind_word, key);
}

/// The leader reads the logs of all runs; another host only those that somebody asks it for.
void ClusterJobs::prepare_log(const Job& job) {
  const auto row = impl_->store->row(job.id);
  if (!row || impl_->hub.has(job.id)) return;
  const JobRecord& record = row->record;
  if (!record.job.ended()) {
    impl_->hub.expect(job.id);
    impl_->controller.follow_log(job.id, row->name);
  } else if (row->started() && record.cleanup != Cleanup::none) {
    impl_->hub.expect(job.id);
    impl_->hub.begin(job.id, record.job.runner, record.handle);
    impl_->hub.end(job.id, [] {});
  } else if (row->started()) {
    const json status = impl_->store->read(*row).value("status", json::object());
    const auto tail = status.value("logTail", "");
    const bool whole = tail.size() < impl_->cluster_limits.store.log_tail_bytes_max;
    impl_->hub.keep(job.id, (whole ? "" : "(the beginning of this log is not kept any more)\n") + tail);
  }
}

std::optional<std::vector<JobEvent>> ClusterJobs::events_after(uint64_t revision, unsigned max) const {
  return impl_->ring.after(revision, max);
}
uint64_t ClusterJobs::revision() const {
  return impl_->ring.revision();
}
std::shared_ptr<void> ClusterJobs::subscribe(std::function<void()> listener) {
  return impl_->ring.subscribe(std::move(listener));
}
std::string ClusterJobs::trouble() const {
  return impl_->store->trouble();
}

}  // namespace operon::jobs
