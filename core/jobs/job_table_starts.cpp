#include "core/jobs/crash_points.hpp"
#include "core/jobs/job_table_state.hpp"
#include "core/jobs/start_rules.hpp"
#include "core/log/log.hpp"
#include "operon/kinds/job_runner_json.hpp"

namespace operon::jobs {
namespace {

constexpr std::chrono::seconds repeat_wait_max{30};

}  // namespace

Accepted JobTable::Impl::start(StartCommand&& command) {
  const int64_t began = steady_ms();
  auto entry = std::make_shared<Entry>();
  Job& job = entry->record.job;
  complete(command, limits_.timeout_seconds_default, clock_.unix_ms());
  job = command.job;
  entry->record.json = to_contract_json(job);
  // What is recorded is a copy: from the moment the entry is known, it belongs to the lock.
  const JobRecord first = entry->record;
  bool runs_now = false;
  {
    Lock lock(mutex_);
    if (const auto known = find(job.id)) {
      // One key, many requests at once: one starts it, the others wait for its answer.
      changed_.wait_for(lock, repeat_wait_max, [&] { return known->stage != Stage::recording && known->stage != Stage::starting; });
      if (known->announced) return repeat_of(shown(*known), command.job.digest);
      const bool over = known->stage == Stage::ended;
      lock.unlock();
      // The one that we waited for may have found the record of a run that ended long ago.
      if (const auto stored = over ? store_->get(job.id) : std::nullopt) return repeat_of(stored->job, command.job.digest);
      throw Error(Code::unavailable, "the same start is being recorded by another request: try again");
    }
    if (freeze_.frozen || draining_) {
      const Freeze freeze = freeze_;
      const bool draining = draining_;
      lock.unlock();
      if (const auto known = store_->get(job.id)) return repeat_of(known->job, command.job.digest);
      throw draining ? Error(Code::unavailable, "operon is stopping: no new run is accepted") : frozen_error(freeze);
    }
    runs_now = queue_.try_run(target_key(job), job.runner);
    if (!runs_now && queue_.waiting() >= limits_.queued_max) {
      throw Error(Error(Code::resource_exhausted, std::to_string(limits_.queued_max) + " runs wait already (queued_max): try again later")
                      .with_reason("QueueFull"));
    }
    entry->counted = runs_now;
    insert(entry);
    ++starting_;
  }
  PendingRequest pending{std::move(command.request), std::move(command.blobs)};
  crash_point(CrashPoint::start_before_record);
  bool recorded = false;
  std::optional<Error> refused;
  try {
    recorded = store_->insert(first, pending);
  } catch (const Error& e) {
    refused = e;
  }
  if (recorded) crash_point(CrashPoint::start_after_record);
  if (recorded) pending.request.owner = store_->owner(first.job.id);
  if (recorded) hub_.expect(first.job.id);
  {
    Lock lock(mutex_);
    if (!recorded) {
      leave_running(*entry);
      erase(entry);
      entry->stage = Stage::ended;  // whoever waits for it goes on
      --starting_;
      changed_.notify_all();
    } else if (runs_now) {
      entry->stage = Stage::starting;
      announce(*entry);
    } else {
      entry->stage = Stage::queued;
      queue_.wait(job.id, target_key(job), job.runner);
      metrics_.queued.set(static_cast<double>(queue_.waiting()));
      announce(*entry);
      --starting_;
    }
  }
  if (!recorded) {
    dispatch();
    if (refused) throw Error(*refused);
    const auto known = store_->get(job.id);
    if (!known) throw Error(Code::unavailable, "the record of run " + job.id + " is being removed: use another key");
    return repeat_of(known->job, command.job.digest);
  }
  events_.tell();
  std::optional<Error> error;
  if (runs_now) {
    run_start(entry, pending, error);
    metrics_.start_seconds.observe(static_cast<double>(steady_ms() - began) / 1000.0);
  } else {
    enforce_stop(entry);  // it may have come while the record was made
    dispatch();
  }
  if (error) throw Error(*error);
  Lock lock(mutex_);
  return {shown(*entry), false};
}

/// The caller has counted it in `starting_`.
bool JobTable::Impl::run_start(const EntryPtr& entry, const PendingRequest& pending, std::optional<Error>& error) {
  std::string user;
  bool stopped = false;
  {
    Lock lock(mutex_);
    user = entry->job().user;
    stopped = entry->job().stop_requested;
    if (!stopped && freeze_.frozen) {  // frozen since it was accepted: back into the line
      leave_running(*entry);
      entry->stage = Stage::queued;
      queue_.wait(entry->job().id, target_key(entry->job()), entry->job().runner);
      --starting_;
      changed_.notify_all();
      return false;
    }
  }
  const auto leave = [this, &entry] {
    Lock lock(mutex_);
    --starting_;
    if (entry->look_again) schedule_look(entry);  // it was noticed while it started
    changed_.notify_all();
  };
  if (stopped) {
    end_now(entry, Phase::stopped, "stopped before it started", false);
    leave();
    return false;
  }
  if (!store_->ours()) {  // it is recorded: whoever leads now starts it
    start_later(*entry);
    leave();
    return false;
  }
  bool good = false;
  try {
    const auto client = client_of(entry->job().runner);
    if (!client)
      throw Error(Error(Code::failed_precondition, "runner '" + entry->job().runner + "' is not ready: see /operon/v1/plugins")
                      .with_reason("RunnerMissing"));
    metrics_.starts.add();
    crash_point(CrashPoint::start_before_runner);
    const auto state = client->start(pending.request, pending.blobs, user);
    crash_point(CrashPoint::start_after_runner);
    apply(entry, state);
    good = true;
  } catch (const Error& e) {
    good = start_failed(entry, e);
    Lock lock(mutex_);
    // A run that may yet start is no failure to the one who asked: told of one, they would start another.
    if (!good && entry->stage == Stage::ended)
      error = e.reason() == "RunnerMissing" ? Error(Error(Code::unavailable, e.what()).with_reason("RunnerMissing")) : e;
  }
  leave();
  if (good) enforce_stop(entry);
  return good;
}

/// A start without a good answer. Not everything that was not answered did not happen: the runner is asked what it has.
bool JobTable::Impl::start_failed(const EntryPtr& entry, const Error& e) {
  const std::string why = "could not be started: " + std::string(e.what());
  if (definite(e.code())) {
    end_now(entry, Phase::failed, why);
    return false;
  }
  const auto client = client_of(entry->job().runner);
  if (client) {
    try {
      apply(entry, client->recover({entry->job().id, std::nullopt}));
      return true;
    } catch (const Error& nothing) {
      const bool late = e.code() == Code::deadline_exceeded || e.code() == Code::resource_exhausted || e.code() == Code::cancelled;
      if (nothing.code() == Code::not_found && !late) {
        end_now(entry, Phase::failed, why);
        return false;
      }
    }
  }
  Lock lock(mutex_);
  if (entry->stage == Stage::ended) return false;
  entry->stage = Stage::unsure;
  entry->start_error = e.what();
  if (entry->unsure_since_ms == 0) entry->unsure_since_ms = steady_ms();
  entry->look_again_ms = steady_ms() + 1000;
  set_message(*entry, "not started yet, trying again: " + entry->start_error);
  lock.unlock();
  events_.tell();
  return false;
}

/// What its start needs cannot be read: for good, or only now.
void JobTable::Impl::request_missing(const EntryPtr& entry, const Error& e) {
  const std::string why = "could not be started: " + std::string(e.what());
  if (definite(e.code())) return end_now(entry, Phase::failed, why, false);
  start_later(*entry);
  {
    Lock lock(mutex_);
    if (entry->stage != Stage::ended) set_message(*entry, "not started yet, trying again: " + std::string(e.what()));
  }
  events_.tell();
}

void JobTable::Impl::start_later(Entry& entry) {
  Lock lock(mutex_);
  if (entry.stage == Stage::ended) return;
  leave_running(entry);
  entry.stage = Stage::unsure;
  entry.look_again_ms = steady_ms() + 1000;
}

void JobTable::Impl::dispatch() {
  for (;;) {
    EntryPtr entry;
    {
      Lock lock(mutex_);
      if (freeze_.frozen || draining_ || recovering_) return;
      const auto id = queue_.next();
      metrics_.queued.set(static_cast<double>(queue_.waiting()));
      if (!id) return;
      entry = find(*id);
      if (!entry) continue;
      entry->counted = true;
      entry->stage = Stage::starting;
      ++starting_;
    }
    if (starts_.post(entry->job().runner, [this, entry] { start_queued(entry); })) continue;
    Lock lock(mutex_);  // the host stops: the next one takes it up
    --starting_;
    return;
  }
}

void JobTable::Impl::start_queued(const EntryPtr& entry) {
  const log::Scope scope("", entry->job().id);
  std::optional<PendingRequest> pending;
  std::optional<Error> error;
  try {
    pending = store_->pending(entry->job().id);
    if (!pending) error = Error(Code::data_loss, "its request is gone from the state store");
  } catch (const Error& e) {
    error = e;
  }
  if (pending) {
    run_start(entry, *pending, error);
  } else {
    request_missing(entry, *error);
    Lock lock(mutex_);
    --starting_;
    changed_.notify_all();
  }
  if (error) log::warn("a queued run could not be started", {{"error", error->what()}});
}

}  // namespace operon::jobs
