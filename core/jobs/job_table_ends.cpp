#include "core/base/scrubber.hpp"
#include "core/jobs/crash_points.hpp"
#include "core/jobs/job_table_state.hpp"
#include "core/jobs/log_hub.hpp"
#include "core/log/log.hpp"
#include "operon/kinds/job_runner_json.hpp"

namespace operon::jobs {
namespace {

constexpr size_t message_bytes_max = 4096;
constexpr size_t handle_bytes_max = 4096;
constexpr int64_t destroy_again_ms_first = 1000, destroy_again_ms_max = 300000;

/// A runner's words, fit to be shown: no secret that is known or looks like one, and bounded.
std::string fit(const std::string& message) {
  std::string text = base::scrub(message);
  if (text.size() > message_bytes_max) text = text.substr(0, message_bytes_max) + "...";
  return text;
}

bool same(const std::optional<kind::Handle>& a, const kind::Handle& b) {
  return a && a->version == b.version && a->state == b.state;
}

}  // namespace

void JobTable::Impl::apply(const EntryPtr& entry, const kind::RunState& state) {
  const std::string message = fit(state.message);
  bool ended = false;
  bool adopted = false;
  {
    Lock lock(mutex_);
    Entry& e = *entry;
    if (e.stage == Stage::ended) return;  // latched
    const bool first = e.stage != Stage::started;
    if (first) {
      if (!e.counted) queue_.leave(e.job().id);
      if (!e.counted) queue_.adopt(target_key(e.job()), e.job().runner);
      e.counted = true;
      e.stage = Stage::started;
      e.started_ms = steady_ms();
      e.unsure_since_ms = 0;
      adopted = true;
    }
    e.looked_ms = steady_ms();
    e.look_tries = 0;
    e.look_again_ms = 0;
    Job& job = e.record.job;
    bool differs = first;
    if (state.handle && !same(e.record.handle, *state.handle)) {
      if (state.handle->state.size() > handle_bytes_max) {
        log::warn("a runner's handle is longer than 4096 bytes (handle_bytes_max) and was not kept",
                  {{"job_id", job.id}, {"runner", job.runner}});
      } else {
        e.record.handle = state.handle;
        differs = true;
      }
    }
    if (state.start_unix_ms && job.start_unix_ms != state.start_unix_ms) {
      job.start_unix_ms = state.start_unix_ms;
      differs = true;
    }
    if (kind::terminal(state.phase)) {
      end(e, state.phase, message, state.exit_code, state.end_unix_ms);
      ended = true;
    } else {
      // A run that runs does not become pending again.
      const Phase phase = job.phase == Phase::running ? Phase::running : state.phase;
      if (phase == Phase::running && !job.start_unix_ms) job.start_unix_ms = clock_.unix_ms();
      if (differs || phase != job.phase || job.message != message) {
        set_phase(e, phase);
        if (!e.job().stop_requested || e.stop_tries == 0) job.message = message;
        changed(e);
      }
    }
  }
  events_.tell();
  if (ended) {
    after_end(entry);
  } else if (adopted) {
    begin_log(entry);
  }
}

void JobTable::Impl::end(Entry& e, Phase phase, std::string message, std::optional<int> exit_code, std::optional<int64_t> end_ms) {
  if (e.stage == Stage::ended) return;
  crash_point(CrashPoint::end_before_record);
  if (e.record.timed_out && phase == Phase::stopped) {
    phase = Phase::failed;
    message = "ran longer than its time limit of " + std::to_string(e.job().timeout_seconds) + " s and was stopped";
  }
  if (e.stage == Stage::queued) queue_.leave(e.job().id);
  leave_running(e);
  e.stage = Stage::ended;
  set_phase(e, phase);
  Job& job = e.record.job;
  job.message = fit(message);
  job.exit_code = exit_code;
  job.end_unix_ms = end_ms.value_or(clock_.unix_ms());
  metrics_.ends[phase].add();
  changed(e);
}

/// `ask_runner` false: its runner never heard of it, so there is no log and nothing to remove.
void JobTable::Impl::after_end(const EntryPtr& entry, bool ask_runner) {
  events_.tell();
  const std::string id = entry->job().id;
  if (!ask_runner) {
    hub_.end(id, [] {});
    log_archived(id);
    dispatch();
    return;
  }
  {
    Lock lock(mutex_);
    if (entry->job().stop_requested) destroy_wanted_.try_emplace(id);
  }
  begin_log(entry);
  hub_.end(id, [gate = gate_, id] {
    std::shared_lock open(gate->mutex);
    if (gate->table != nullptr) gate->table->log_archived(id);
  });
  dispatch();
}

void JobTable::Impl::end_now(const EntryPtr& entry, Phase phase, std::string message, bool ask_runner) {
  {
    Lock lock(mutex_);
    if (entry->stage == Stage::ended) return;
    if (!ask_runner) entry->record.cleanup = Cleanup::none;
    end(*entry, phase, std::move(message), std::nullopt, std::nullopt);
  }
  after_end(entry, ask_runner);
}

void JobTable::Impl::begin_log(const EntryPtr& entry) {
  std::lock_guard once(entry->log_mutex);
  if (std::exchange(entry->log_begun, true)) return;
  std::optional<kind::Handle> handle;
  {
    Lock lock(mutex_);
    handle = entry->record.handle;
  }
  hub_.begin(entry->job().id, entry->job().runner, handle);
}

/// The runner's copy of the log is not needed any more. On a thread of the hub: must not block.
void JobTable::Impl::log_archived(const std::string& id) {
  bool now = limits_.runner_copy_kept_seconds <= 0;
  {
    Lock lock(mutex_);
    if (const auto entry = find(id); entry && entry->stage == Stage::ended) {
      if (entry->record.cleanup == Cleanup::none) return;
      entry->record.cleanup = Cleanup::runner;
    }
    if (now) destroy_wanted_.try_emplace(id);
  }
  record_archived(id);
}

void JobTable::Impl::record_archived(const std::string& id) {
  store_->set_cleanup(id, Cleanup::runner, [gate = gate_, id](const std::optional<Error>& error) {
    if (error) {  // perhaps at once, on a thread that holds the gate
      std::lock_guard dirty(gate->dirty_mutex);
      gate->dirty_archived.insert(id);
      return;
    }
    std::shared_lock open(gate->mutex);
    if (gate->table == nullptr) return;
    Lock lock(gate->table->mutex_);
    if (gate->table->destroy_wanted_.count(id) == 0) return;
    gate->table->upkeep_due_ = true;
    gate->table->upkeep_wake_.notify_all();
  });
}

void JobTable::Impl::schedule_destroy(JobRecord record) {
  const std::string runner = record.job.runner;
  {
    Lock lock(mutex_);
    destroy_wanted_[record.job.id].under_way = true;
  }
  looks_.post(runner, [this, record = std::move(record)]() mutable { destroy(std::move(record)); });
}

void JobTable::Impl::destroy(JobRecord record) {
  const std::string id = record.job.id;
  const log::Scope scope("", id);
  crash_point(CrashPoint::destroy_before);
  try {
    const auto client = client_of(record.job.runner);
    if (!client) throw Error(Code::unavailable, "it is not ready");
    client->destroy({id, record.handle});
  } catch (const Error& e) {
    if (e.code() != Code::not_found) {
      {
        Lock lock(mutex_);
        Removal& removal = destroy_wanted_[id];
        removal.under_way = false;
        removal.again_ms = steady_ms() + std::min(destroy_again_ms_max, destroy_again_ms_first << std::min(removal.tries++, 16u));
      }
      log::warn("the runner could not remove an ended run; trying again", {{"runner", record.job.runner}, {"error", e.what()}});
      return;
    }
  }
  crash_point(CrashPoint::destroy_after);
  {
    Lock lock(mutex_);
    destroy_wanted_.erase(id);
    if (const auto entry = find(id); entry && entry->stage == Stage::ended) entry->record.cleanup = Cleanup::none;
  }
  store_->set_cleanup(id, Cleanup::none, [](const std::optional<Error>& error) {
    if (!error) crash_point(CrashPoint::destroy_recorded);
  });
}

}  // namespace operon::jobs
