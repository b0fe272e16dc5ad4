#include "core/jobs/crash_points.hpp"
#include "core/jobs/job_table_state.hpp"
#include "core/jobs/log_hub.hpp"
#include "core/log/log.hpp"

namespace operon::jobs {
namespace {

constexpr std::chrono::seconds upkeep_every{1};
constexpr int64_t retention_every_ms = 60000;
constexpr int64_t clean_every_ms = 10000;
constexpr unsigned batch_max = 200;
constexpr unsigned clean_batch_max = 10000;
constexpr unsigned looks_per_round_max = 100;

}  // namespace

void JobTable::Impl::upkeep_loop() {
  Lock lock(mutex_);
  while (!upkeep_stop_) {
    upkeep_wake_.wait_for(lock, upkeep_every, [this] { return upkeep_stop_ || upkeep_due_; });
    if (upkeep_stop_) return;
    upkeep_due_ = false;
    lock.unlock();
    try {
      upkeep();
    } catch (const std::exception& e) {
      log::warn("upkeep of the job table failed; trying again", {{"error", e.what()}});
    }
    lock.lock();
  }
}

void JobTable::Impl::wake() {
  std::lock_guard lock(mutex_);
  upkeep_due_ = true;
  upkeep_wake_.notify_all();
}

void JobTable::Impl::upkeep() {
  retry_writes();
  probe_store();
  std::vector<EntryPtr> stops;
  upkeep_runs(steady_ms(), stops);
  events_.tell();
  for (const auto& entry : stops) enforce_stop(entry);
  dispatch();
  reserve_revisions();
  clean_runners();
  retention();
}

void JobTable::Impl::retry_writes() {
  std::set<std::string> dirty, archived;
  {
    std::lock_guard lock(gate_->dirty_mutex);
    dirty.swap(gate_->dirty);
    archived.swap(gate_->dirty_archived);
  }
  Lock lock(mutex_);
  for (const auto& id : dirty) {
    const auto entry = find(id);
    if (!entry || entry->written_revision >= entry->job().revision) continue;
    write(*entry);
    entry->write_failed = true;  // until it is told otherwise, nobody waits for this one
  }
  if (!dirty.empty()) changed_.notify_all();
  lock.unlock();
  for (const auto& id : archived) record_archived(id);
}

/// Only a write shows that the store can be written again; while the host is not ready nobody may ask for one.
void JobTable::Impl::probe_store() {
  if (store_->trouble().empty()) return;
  try {
    store_->set_meta("probe", std::to_string(clock_.unix_ms()));
  } catch (const Error& e) {
    log::debug("the state store still cannot be written", {{"error", e.what()}});
  }
}

bool JobTable::Impl::past_deadline(const Entry& entry, int64_t now) const {
  if (entry.stage != Stage::started || entry.job().timeout_seconds <= 0 || entry.job().stop_requested) return false;
  const int64_t limit = entry.job().timeout_seconds * 1000 + backstop_grace_ms;
  if (entry.job().start_unix_ms) return clock_.unix_ms() - *entry.job().start_unix_ms > limit;
  return now - entry.started_ms > limit;
}

void JobTable::Impl::upkeep_runs(int64_t now, std::vector<EntryPtr>& stops) {
  Lock lock(mutex_);
  unsigned looks = 0;
  for (const auto& [key, entry] : ordered_) {
    Entry& e = *entry;
    if (past_deadline(e, now)) {
      log::warn("a run is past its time limit and its runner has not ended it", {{"job_id", e.job().id}});
      e.record.timed_out = true;
      latch_stop(e);
    }
    if (e.job().stop_requested && e.stage == Stage::started && !e.stop_calling && now >= e.stop_again_ms) stops.push_back(entry);
    const bool stale = e.stage == Stage::started && now - e.looked_ms > resync_ms && now >= e.look_again_ms;
    const bool retry = (e.stage == Stage::started || e.stage == Stage::unsure) && e.look_again_ms != 0 && now >= e.look_again_ms;
    if (!(stale || retry || (e.look_again && e.stage != Stage::starting)) || e.looking || looks >= looks_per_round_max) continue;
    ++looks;
    e.look_again_ms = 0;
    schedule_look(entry);
  }
}

/// Runs that ended by themselves stay with their runner for a while; stopped ones, and those whose removal failed, go as soon as they may.
void JobTable::Impl::clean_runners() {
  std::vector<std::string> due;
  {
    Lock lock(mutex_);
    for (const auto& [id, removal] : destroy_wanted_) {
      if (!removal.under_way && steady_ms() >= removal.again_ms) due.push_back(id);
    }
  }
  for (const auto& id : due) {
    auto record = store_->get(id);
    const bool ready = record && record->job.ended() && record->cleanup == Cleanup::runner;
    if (!ready && record && record->cleanup != Cleanup::none) continue;  // its log is not archived yet
    if (ready) {
      schedule_destroy(std::move(*record));
    } else {
      Lock lock(mutex_);
      destroy_wanted_.erase(id);
    }
  }
  if (steady_ms() - clean_ms_ < clean_every_ms && clean_ms_ != 0) return;
  clean_ms_ = steady_ms();
  size_t known = 0;
  {
    Lock lock(mutex_);
    known = destroy_wanted_.size();
  }
  const int64_t before = clock_.unix_ms() - limits_.runner_copy_kept_seconds * 1000;
  // Those that a runner cannot remove come first every time: the batch reaches past them.
  const auto most = static_cast<unsigned>(std::min<size_t>(clean_batch_max, batch_max + known));
  for (auto& record : store_->to_clean(Cleanup::runner, before, most)) {
    {
      Lock lock(mutex_);
      if (destroy_wanted_.count(record.job.id) != 0) continue;
    }
    schedule_destroy(std::move(record));
  }
}

void JobTable::Impl::retention() {
  const int64_t now = steady_ms();
  if (retention_ms_ != 0 && now < retention_ms_) return;
  const int64_t before = clock_.unix_ms() - limits_.kept_seconds_max * 1000;
  const auto records = store_->past_retention(before, limits_.jobs_kept_max, batch_max);
  std::vector<std::string> ids;
  for (const auto& record : records) {
    if (record.cleanup != Cleanup::none) schedule_destroy(record);
    hub_.forget(record.job.id);
    ids.push_back(record.job.id);
  }
  if (!ids.empty()) {
    store_->remove(ids);
    Lock lock(mutex_);
    for (const auto& record : records) {
      metrics_.jobs[record.job.phase].add(-1);
      destroy_wanted_.erase(record.job.id);
    }
    log::info("runs past their retention were removed", {{"runs", std::to_string(ids.size())}});
  }
  // A full batch: there is more, go on next round; small batches let others write in between.
  retention_ms_ = ids.size() >= batch_max ? now : now + retention_every_ms;
}

}  // namespace operon::jobs
