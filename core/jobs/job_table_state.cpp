#include "core/jobs/job_table_state.hpp"

#include "core/base/scrubber.hpp"
#include "core/jobs/crash_points.hpp"
#include "core/log/log.hpp"
#include "operon/kinds/job_runner_json.hpp"

namespace operon::jobs {
namespace {

std::string ordinal(size_t n) {
  const size_t tens = n % 100, ones = n % 10;
  const char* suffix = tens >= 11 && tens <= 13 ? "th" : ones == 1 ? "st" : ones == 2 ? "nd" : ones == 3 ? "rd" : "th";
  return std::to_string(n) + suffix;
}

}  // namespace

TableMetrics::TableMetrics() {
  for (const auto phase : {Phase::pending, Phase::running, Phase::succeeded, Phase::failed, Phase::stopped}) {
    jobs[phase] = metrics::gauge("operon_jobs", "Runs by phase", {{"phase", kind::to_string(phase)}});
    jobs[phase].set(0);  // a table before this one may have counted
    if (kind::terminal(phase))
      ends[phase] = metrics::counter("operon_job_ends_total", "Runs that ended", {{"phase", kind::to_string(phase)}});
  }
}

EntryPtr JobTable::Impl::find(std::string_view id) const {
  const auto found = entries_.find(std::string(id));
  return found == entries_.end() ? nullptr : found->second;
}

void JobTable::Impl::insert(const EntryPtr& entry) {
  entries_[entry->job().id] = entry;
  ordered_[{entry->job().created_unix_ms, entry->job().id}] = entry;
}

void JobTable::Impl::erase(const EntryPtr& entry) {
  entries_.erase(entry->job().id);
  ordered_.erase({entry->job().created_unix_ms, entry->job().id});
}

void JobTable::Impl::announce(Entry& entry) {
  if (!entry.announced) metrics_.jobs[entry.job().phase].add(1);
  entry.announced = true;
  entry.record.job.revision = ++revision_;
  entry.record.json = to_contract_json(entry.job());
  entry.json = std::make_shared<const std::string>(entry.record.json);
  events_.push(revision_, entry.json);
  changed_.notify_all();
}

void JobTable::Impl::changed(Entry& entry) {
  announce(entry);
  write(entry);
}

void JobTable::Impl::write(Entry& entry) {
  entry.write_failed = false;
  const bool drop_request = entry.stage == Stage::started || entry.stage == Stage::ended;
  store_->update(
      entry.record, drop_request,
      [gate = gate_, id = entry.job().id, revision = entry.job().revision, stage = entry.stage](const std::optional<Error>& error) {
        if (error) {
          std::lock_guard dirty(gate->dirty_mutex);
          gate->dirty.insert(id);
          return;
        }
        std::shared_lock open(gate->mutex);
        if (gate->table != nullptr) gate->table->written(id, revision, stage);
      });
}

/// On the store's thread.
void JobTable::Impl::written(const std::string& id, uint64_t revision, Stage stage) {
  if (stage == Stage::started) crash_point(CrashPoint::start_after_started_recorded);
  if (stage == Stage::ended) crash_point(CrashPoint::end_after_record);
  std::lock_guard lock(mutex_);
  const auto entry = find(id);
  if (!entry) return;
  entry->written_revision = std::max(entry->written_revision, revision);
  // From now on the store tells it.
  if (entry->stage == Stage::ended && entry->written_revision == entry->job().revision) erase(entry);
  changed_.notify_all();
}

void JobTable::Impl::set_phase(Entry& entry, Phase phase) {
  if (entry.announced && phase != entry.job().phase) {
    metrics_.jobs[entry.job().phase].add(-1);
    metrics_.jobs[phase].add(1);
  }
  entry.record.job.phase = phase;
}

void JobTable::Impl::set_message(Entry& entry, std::string message) {
  message = base::scrub(message);
  if (entry.stage == Stage::ended || entry.job().message == message) return;
  entry.record.job.message = std::move(message);
  changed(entry);
}

void JobTable::Impl::leave_running(Entry& entry) {
  if (entry.counted) queue_.done(target_key(entry.job()), entry.job().runner);
  entry.counted = false;
}

std::string JobTable::Impl::target_key(const Job& job) const {
  return job.provider + "/" + job.cluster_name;
}

int64_t JobTable::Impl::steady_ms() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(clock_.steady().time_since_epoch()).count();
}

std::string JobTable::Impl::queue_message(const Entry& entry) const {
  if (freeze_.frozen) return "waiting: " + who_froze(freeze_);
  const auto place = queue_.place(entry.job().id);
  if (!place) return entry.job().message;
  const std::string line = "waiting: " + ordinal(place->position) + " in line for target " + entry.job().cluster_name + ", ";
  if (place->runner_full && !place->target_full) {
    return line + std::to_string(limits_.running_per_runner_max) + " runs may run on runner " + entry.job().runner + " at once";
  }
  return line + std::to_string(limits_.running_per_target_max) + " runs may run there at once";
}

/// Places change with every run that starts, so they are worked out when somebody asks.
Job JobTable::Impl::shown(const Entry& entry) const {
  Job job = entry.job();
  if (entry.stage == Stage::queued) job.message = queue_message(entry);
  return job;
}

}  // namespace operon::jobs
