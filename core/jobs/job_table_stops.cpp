#include "core/jobs/crash_points.hpp"
#include "core/jobs/job_table_state.hpp"
#include "core/jobs/log_hub.hpp"
#include "core/log/log.hpp"

namespace operon::jobs {
namespace {

constexpr std::chrono::seconds latch_durable_max{2};
constexpr std::chrono::seconds stop_call_slack{30};

int64_t back_off_ms(unsigned tries) {
  return std::min<int64_t>(30000, int64_t{500} << std::min(tries, 6u));
}

/// A runner has this long to confirm a stop.
std::chrono::seconds stop_time(const JobLimits& limits) {
  return std::chrono::seconds(limits.stop_grace_seconds) + stop_call_slack;
}

/// What a job says whose runner has answered a stop with this, or with an end that is none yet.
std::string unconfirmed_words(const Error* error, std::chrono::seconds given) {
  const std::string words = "being stopped; the runner has not confirmed it yet";
  if (error == nullptr) return words;
  if (error->reason() != plugin::no_answer_reason) return words + ": " + error->what();
  return words + ": no answer within " + std::to_string(given.count()) +
         " s. What undoes the run may still be at work (the run's log tells); the runner is asked again";
}

}  // namespace

/// The wish is in the store before the runner hears of it, so that a host that dies in between stops it when it comes back.
void JobTable::Impl::latch_stop(Entry& entry) {
  if (entry.job().stop_requested || entry.stage == Stage::ended) return;
  entry.record.job.stop_requested = true;
  changed(entry);
}

Stopped JobTable::Impl::stop(std::string_view id) {
  Lock lock(mutex_);
  const auto entry = find(id);
  if (!entry || (entry->stage == Stage::ended && durable(*entry)) || (!entry->announced && entry->stage != Stage::recording)) {
    lock.unlock();
    const auto record = store_->get(id);
    if (!record) throw Error(Code::not_found, "Job with ID '" + std::string(id) + "' not found");
    return stop_ended(*record);
  }
  changed_.wait_for(lock, latch_durable_max, [&] { return entry->stage != Stage::recording; });
  if (entry->stage == Stage::ended) {
    const JobRecord record = entry->record;
    lock.unlock();
    return stop_ended(record);
  }
  if (entry->stage == Stage::recording) {  // what is not recorded must not be written over; its starter sees the wish
    entry->record.job.stop_requested = true;
    return {shown(*entry), false, false};
  }
  latch_stop(*entry);
  // A store that cannot be written must not keep a run from being stopped: the latch is then in memory alone until it can.
  const uint64_t latched = entry->job().revision;
  changed_.wait_for(lock, latch_durable_max,
                    [&] { return entry->written_revision >= latched || entry->write_failed || entry->stage == Stage::ended; });
  crash_point(CrashPoint::stop_latched);
  lock.unlock();
  enforce_stop(entry);
  events_.tell();
  lock.lock();
  const bool ended = changed_.wait_for(lock, limits_.stop_answer_ms, [&] { return entry->stage == Stage::ended; });
  if (ended) changed_.wait_for(lock, latch_durable_max, [&] { return durable(*entry); });
  return {shown(*entry), ended, false};
}

void JobTable::Impl::ask_to_stop(const std::string& id) {
  EntryPtr entry;
  {
    Lock lock(mutex_);
    entry = find(id);
    if (entry && entry->stage == Stage::recording) entry->record.job.stop_requested = true;
    if (entry && entry->announced) latch_stop(*entry);
  }
  if (entry) {
    enforce_stop(entry);
    events_.tell();
  } else {  // it has ended: what its runner still has of it goes
    Lock lock(mutex_);
    destroy_wanted_.try_emplace(id);
    upkeep_due_ = true;
    upkeep_wake_.notify_all();
  }
}

Stopped JobTable::Impl::stop_ended(const JobRecord& record) {
  const bool by_itself = !(record.job.stop_requested && record.job.phase == Phase::stopped);
  if (!record.job.ended()) return {record.job, false, false};  // not taken up yet after a restart
  if (record.cleanup == Cleanup::none) return {record.job, true, by_itself};
  {
    Lock lock(mutex_);
    destroy_wanted_.try_emplace(record.job.id);
  }
  if (record.cleanup == Cleanup::runner) destroy(record);
  return {record.job, true, by_itself};
}

/// Does what the latch asks for, if it is set and nobody does it already.
void JobTable::Impl::enforce_stop(const EntryPtr& entry) {
  bool never_started = false;
  {
    Lock lock(mutex_);
    if (!entry->job().stop_requested || entry->stage == Stage::ended) return;
    never_started = entry->stage == Stage::queued;
    if (entry->stage == Stage::unsure) schedule_look(entry);
    if (!never_started && (entry->stage != Stage::started || entry->stop_calling)) return;
    if (!never_started) {
      entry->stop_calling = true;
      if (stops_in_flight_ >= stops_in_flight_max) {
        stops_waiting_.push_back(entry);
        return;
      }
      ++stops_in_flight_;
    }
  }
  if (never_started) return end_now(entry, Phase::stopped, "stopped before it started", false);
  ask_stop(entry);
}

void JobTable::Impl::ask_stop(const EntryPtr& entry) {
  kind::StopRequest request;
  std::string runner;
  {
    Lock lock(mutex_);
    request = {entry->job().id, entry->record.handle, limits_.stop_grace_seconds};
    runner = entry->job().runner;
  }
  const auto answered = [gate = gate_, entry, runner](const RunResult& result) {
    std::shared_lock open(gate->mutex);
    if (gate->table == nullptr) return;
    Impl& table = *gate->table;
    table.looks_.post(runner, [&table, entry, result] { table.stop_answered(entry, result); });
  };
  try {
    const auto client = client_of(runner);
    if (!client) throw Error(Code::unavailable, "runner '" + runner + "' is not ready");
    client->stop(request, stop_time(limits_), answered);
  } catch (const Error& e) {
    stop_answered(entry, e);
  }
}

void JobTable::Impl::stop_answered(const EntryPtr& entry, const RunResult& result) {
  const log::Scope scope("", entry->job().id);
  crash_point(CrashPoint::stop_after_runner);
  const Error* error = std::get_if<Error>(&result);
  if (error == nullptr) apply(entry, std::get<kind::RunState>(result));
  if (error != nullptr && error->code() == Code::not_found) end_now(entry, Phase::stopped, "stopped; the runner has nothing left of it");
  EntryPtr next;
  {
    Lock lock(mutex_);
    entry->stop_calling = false;
    if (entry->stage != Stage::ended) {
      entry->stop_again_ms = steady_ms() + back_off_ms(entry->stop_tries++);
      set_message(*entry, unconfirmed_words(error, stop_time(limits_)));
    }
    --stops_in_flight_;
    while (!stops_waiting_.empty() && !next) {
      next = stops_waiting_.front();
      stops_waiting_.pop_front();
      if (next->stage == Stage::ended) {
        next->stop_calling = false;
        next.reset();
      }
    }
    if (next) ++stops_in_flight_;
    changed_.notify_all();
  }
  events_.tell();
  if (next) ask_stop(next);
}

std::vector<std::string> JobTable::Impl::stop_all(std::chrono::milliseconds bound) {
  const auto deadline = std::chrono::steady_clock::now() + bound;
  std::vector<EntryPtr> all;
  Lock lock(mutex_);
  for (const auto& [key, entry] : ordered_) {
    if (entry->stage != Stage::ended) all.push_back(entry);
  }
  for (const auto& entry : all) {
    if (entry->announced) {
      latch_stop(*entry);
    } else {
      entry->record.job.stop_requested = true;  // being recorded: its starter sees this before it asks the runner
    }
  }
  if (!all.empty()) {
    changed_.wait_until(lock, std::min(deadline, std::chrono::steady_clock::now() + latch_durable_max),
                        [&] { return durable(*all.back()); });
  }
  lock.unlock();
  events_.tell();
  for (const auto& entry : all) enforce_stop(entry);
  lock.lock();
  const auto unconfirmed = [&] {
    std::vector<std::string> ids;
    for (const auto& entry : all) {
      if (entry->stage != Stage::ended) ids.push_back(entry->job().id);
    }
    return ids;
  };
  changed_.wait_until(lock, deadline, [&] { return unconfirmed().empty(); });
  return unconfirmed();
}

}  // namespace operon::jobs
