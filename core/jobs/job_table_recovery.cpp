#include "core/jobs/job_table_state.hpp"
#include "core/jobs/log_hub.hpp"
#include "core/jobs/start_rules.hpp"
#include "core/log/log.hpp"

namespace operon::jobs {
namespace {

constexpr std::chrono::seconds first_pass_max{20};
constexpr unsigned ended_to_take_up_max = 10000;

int64_t back_off_ms(unsigned tries) {
  return std::min<int64_t>(30000, int64_t{1000} << std::min(tries, 5u));
}

}  // namespace

std::optional<RunnerClient> JobTable::Impl::client_of(const std::string& runner) const {
  auto instance = runners_.find(runner);
  if (!instance) return std::nullopt;
  return RunnerClient(std::move(instance));
}

void JobTable::Impl::recover() {
  for (const auto& [phase, count] : store_->count_ended()) metrics_.jobs[phase].set(static_cast<double>(count));
  std::vector<EntryPtr> all;
  {
    Lock lock(mutex_);
    for (auto& record : store_->not_ended()) all.push_back(taken_up(std::move(record)));
    recovering_ = !all.empty();
    for (const auto& entry : all) hub_.expect(entry->job().id);
    for (const auto& entry : all) schedule_look(entry);
  }
  take_up_ended();
  if (all.empty()) return;
  log::info("taking up the runs that had not ended", {{"runs", std::to_string(all.size())}});
  Lock lock(mutex_);
  size_t first_open = 0;
  const bool whole = changed_.wait_for(lock, first_pass_max, [&] {
    while (first_open < all.size() && !all[first_open]->looking) ++first_open;
    return first_open == all.size();
  });
  if (!whole) log::warn("some runners have not said yet what became of their runs; going on without them");
  // Only now is it known how many run: those that wait take their places in the order in which they were asked for.
  for (const auto& entry : all) {
    if (entry->stage != Stage::queued || !queue_.leave(entry->job().id)) continue;
    queue_.wait(entry->job().id, target_key(entry->job()), entry->job().runner);
  }
  recovering_ = false;
  lock.unlock();
  dispatch();
}

EntryPtr JobTable::Impl::taken_up(JobRecord record) {
  auto entry = std::make_shared<Entry>();
  entry->record = std::move(record);
  entry->stage = Stage::unsure;
  entry->announced = true;
  entry->written_revision = entry->job().revision;
  entry->json = std::make_shared<const std::string>(entry->record.json);
  metrics_.jobs[entry->job().phase].add(1);
  insert(entry);
  return entry;
}

void JobTable::Impl::take_up(const std::string& id, const std::function<std::optional<JobRecord>()>& newest) {
  Lock lock(mutex_);
  if (draining_ || find(id)) return;
  auto record = newest();
  if (!record) return;
  const auto entry = taken_up(std::move(*record));
  hub_.expect(entry->job().id);
  schedule_look(entry);
}

/// Of a run that goes on nothing is recorded any more: it is stopped, and removed from its runner when it has.
void JobTable::Impl::record_removed(const JobRecord& record) {
  JobRecord gone = record;
  {
    Lock lock(mutex_);
    if (const auto entry = find(record.job.id)) {
      if (entry->stage != Stage::ended) {
        lock.unlock();
        return ask_to_stop(record.job.id);
      }
      gone = entry->record;  // its end was written, and we have not been told yet
    }
    metrics_.jobs[gone.job.phase].add(gone.job.ended() ? -1 : 0);
  }
  if (gone.cleanup != Cleanup::none) schedule_destroy(gone);
  hub_.forget(gone.job.id);
}

/// Runs whose end was recorded but whose log was not archived, or that were to be removed from their runner.
void JobTable::Impl::take_up_ended() {
  const int64_t ever = std::numeric_limits<int64_t>::max();
  for (auto& record : store_->to_clean(Cleanup::log, ever, ended_to_take_up_max)) {
    const std::string id = record.job.id;
    {
      Lock lock(mutex_);
      if (record.job.stop_requested) destroy_wanted_.try_emplace(id);
    }
    hub_.expect(id);
    hub_.begin(id, record.job.runner, record.handle);
    hub_.end(id, [gate = gate_, id] {
      std::shared_lock open(gate->mutex);
      if (gate->table != nullptr) gate->table->log_archived(id);
    });
  }
  for (auto& record : store_->to_clean(Cleanup::runner, ever, ended_to_take_up_max)) {
    if (record.job.stop_requested) schedule_destroy(std::move(record));
  }
}

void JobTable::Impl::notified(const std::string& instance, std::string_view key) {
  Lock lock(mutex_);
  const auto entry = find(key);
  if (entry && entry->job().runner == instance) schedule_look(entry);
}

/// One look at a time per run; a wish that comes meanwhile makes one more.
void JobTable::Impl::schedule_look(const EntryPtr& entry) {
  if (entry->stage == Stage::ended || entry->stage == Stage::queued) return;
  if (entry->looking || entry->stage == Stage::starting || entry->stage == Stage::recording) {
    entry->look_again = true;
    return;
  }
  entry->looking = true;
  entry->look_again = false;
  if (!looks_.post(entry->job().runner, [this, entry] { look(entry); })) entry->looking = false;
}

void JobTable::Impl::look(const EntryPtr& entry) {
  const log::Scope scope("", entry->job().id);
  Stage stage;
  {
    Lock lock(mutex_);
    stage = entry->stage;
  }
  const auto client = client_of(entry->job().runner);
  if (!store_->ours()) {
    Lock lock(mutex_);
    entry->look_again_ms = steady_ms() + back_off_ms(entry->look_tries++);
  } else if (!client) {
    look_later(entry, "runner '" + entry->job().runner + "' is not ready: what became of this run is not known until it is");
  } else if (stage == Stage::started) {
    inspect(entry, *client);
  } else if (stage == Stage::unsure) {
    resolve(entry, *client);
  }
  {
    Lock lock(mutex_);
    entry->looking = false;
    if (entry->look_again) schedule_look(entry);
    changed_.notify_all();
  }
  events_.tell();
  enforce_stop(entry);
}

void JobTable::Impl::look_later(const EntryPtr& entry, const std::string& message) {
  Lock lock(mutex_);
  entry->look_again_ms = steady_ms() + back_off_ms(entry->look_tries++);
  set_message(*entry, message);
}

void JobTable::Impl::inspect(const EntryPtr& entry, const RunnerClient& client) {
  kind::RunRequest request;
  bool stopping = false;
  {
    Lock lock(mutex_);
    request = {entry->job().id, entry->record.handle};
    stopping = entry->job().stop_requested;
    entry->looked_ms = steady_ms();
  }
  try {
    apply(entry, client.inspect(request));
  } catch (const Error& e) {
    if (e.code() == Code::not_found) {
      if (stopping) return end_now(entry, Phase::stopped, "stopped; the runner has nothing left of it");
      return end_now(entry, Phase::failed, "the run was lost: runner '" + entry->job().runner + "' knows nothing of it any more");
    }
    Lock lock(mutex_);
    entry->look_again_ms = steady_ms() + back_off_ms(entry->look_tries++);
    log::debug("a run could not be inspected", {{"error", e.what()}});
  }
}

/// After a restart, or a start that was not answered: what does the runner have?
void JobTable::Impl::resolve(const EntryPtr& entry, const RunnerClient& client) {
  kind::RunRequest request;
  {
    Lock lock(mutex_);
    request = {entry->job().id, entry->record.handle};
  }
  try {
    apply(entry, client.recover(request));
  } catch (const Error& e) {
    if (e.code() == Code::not_found) return resolve_unknown(entry);
    {
      Lock lock(mutex_);
      const bool start_waited = entry->unsure_since_ms != 0 && steady_ms() - entry->unsure_since_ms > start_unsure_ms_max;
      if (start_waited) latch_stop(*entry);
    }
    look_later(entry, std::string("what became of this run is not known: ") + e.what());
  }
}

/// The runner has nothing of it: it starts now if it never did, else it is lost.
void JobTable::Impl::resolve_unknown(const EntryPtr& entry) {
  std::optional<PendingRequest> pending;
  try {
    pending = store_->pending(entry->job().id);
  } catch (const Error& e) {
    if (!definite(e.code())) return look_later(entry, std::string("the request of this run cannot be read: ") + e.what());
    return end_now(entry, Phase::failed, "could not be started: " + std::string(e.what()));
  }
  bool stopping = false, tried = false, too_late = false, runs_now = false;
  std::string error;
  {
    Lock lock(mutex_);
    stopping = entry->job().stop_requested;
    error = entry->start_error;
    tried = entry->unsure_since_ms != 0;
    too_late = tried && steady_ms() - entry->unsure_since_ms > start_unsure_ms_max;
    // A start that was not answered may still take effect: what it leaves is removed at once.
    if (pending && tried && (stopping || too_late)) destroy_wanted_.try_emplace(entry->job().id);
  }
  const std::string& runner = entry->job().runner;
  if (stopping) {
    return end_now(entry, Phase::stopped, pending ? "stopped before it started" : "stopped; the runner has nothing left of it",
                   !pending || tried);
  }
  if (!pending) return end_now(entry, Phase::failed, "the run was lost: runner '" + runner + "' knows nothing of it any more");
  if (too_late) return end_now(entry, Phase::failed, "could not be started: " + error);
  {
    Lock lock(mutex_);
    if (entry->stage != Stage::unsure) return;
    if (!entry->counted) entry->counted = !freeze_.frozen && !recovering_ && queue_.try_run(target_key(entry->job()), runner);
    runs_now = entry->counted;
    if (runs_now) {
      entry->stage = Stage::starting;
      ++starting_;
    } else {
      entry->stage = Stage::queued;
      queue_.wait(entry->job().id, target_key(entry->job()), runner);
    }
  }
  if (!runs_now) return dispatch();
  std::optional<Error> failure;
  run_start(entry, *pending, failure);
  if (failure) log::warn("a run could not be started", {{"error", failure->what()}});
}

}  // namespace operon::jobs
