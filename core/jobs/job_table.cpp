#include "core/jobs/job_table.hpp"

#include "core/jobs/job_table_state.hpp"
#include "core/jobs/start_rules.hpp"
#include "core/log/log.hpp"

namespace operon::jobs {
namespace {

constexpr const char* freeze_key = "freeze";
constexpr const char* revision_key = "revision";
constexpr const char* revision_clean_key = "revision.clean";

}  // namespace

JobTable::Impl::Impl(std::shared_ptr<RunStore> store, const Runners& runners, LogHub& hub, base::Clock& clock, JobLimits limits)
    : store_(std::move(store)),
      runners_(runners),
      hub_(hub),
      clock_(clock),
      limits_(limits),
      queue_(limits.running_per_target_max, limits.running_per_runner_max),
      starts_(start_threads, start_threads_per_runner),
      looks_(look_threads, look_threads_per_runner) {
  gate_->table = this;
  load_revision();
  load_freeze();
  upkeep_thread_ = std::thread([this] { upkeep_loop(); });
}

JobTable::Impl::~Impl() {
  {
    std::lock_guard lock(mutex_);
    draining_ = true;
    upkeep_stop_ = true;
  }
  upkeep_wake_.notify_all();
  upkeep_thread_.join();
  starts_.stop();
  looks_.stop();
  {
    std::unique_lock lock(gate_->mutex);
    gate_->table = nullptr;
  }
  try {
    store_->set_meta(revision_clean_key, std::to_string(revision_));
  } catch (const Error& e) {
    log::warn("the last revision could not be stored; followers of events will start anew", {{"error", e.what()}});
  }
}

/// After a clean end counting goes on where it was; after a crash it goes on past everything that may have been told.
void JobTable::Impl::load_revision() {
  const auto number = [this](const char* key) { return std::strtoull(store_->meta(key).value_or("0").c_str(), nullptr, 10); };
  const uint64_t clean = number(revision_clean_key);
  revision_ = clean != 0 ? clean : std::max<uint64_t>(number(revision_key), store_->revision_max());
  events_.begin_after(revision_);
  reserve_revisions();
}

void JobTable::Impl::reserve_revisions() {
  uint64_t reserve = 0;
  {
    std::lock_guard lock(mutex_);
    if (revision_ + revisions_reserved / 2 < revision_reserved_) return;
    reserve = revision_ + revisions_reserved;
  }
  try {
    store_->set_meta(revision_key, std::to_string(reserve));
    store_->set_meta(revision_clean_key, "0");
    std::lock_guard lock(mutex_);
    revision_reserved_ = reserve;
  } catch (const Error& e) {
    log::debug("revisions could not be reserved", {{"error", e.what()}});
  }
}

void JobTable::Impl::load_freeze() {
  const Freeze now = freeze_of(store_->meta(freeze_key));
  {
    std::lock_guard lock(mutex_);
    if (now == freeze_) return;
    freeze_ = now;
  }
  if (now.frozen) log::warn("frozen: no run starts", {{"reason", now.reason}, {"user", now.user}});
}

void JobTable::Impl::freeze(Freeze wanted) {
  {
    std::lock_guard lock(mutex_);
    freeze_ = wanted;
  }
  log::warn(wanted.frozen ? "frozen: no run starts until this is lifted" : "unfrozen: runs start again",
            {{"reason", wanted.reason}, {"user", wanted.user}});
  std::lock_guard one(freeze_store_mutex_);
  Freeze now;
  {
    std::lock_guard lock(mutex_);
    now = freeze_;  // of two at once both store the later one
  }
  try {
    store_->set_meta(freeze_key, freeze_text(now));
  } catch (const Error& e) {
    throw Error(e.code(), std::string(wanted.frozen ? "frozen" : "unfrozen") + ", but a restart would forget it: " + e.what());
  }
}

JobTable::JobTable(std::shared_ptr<RunStore> store, const Runners& runners, LogHub& hub, base::Clock& clock, JobLimits limits)
    : impl_(std::make_unique<Impl>(std::move(store), runners, hub, clock, limits)) {}
JobTable::~JobTable() = default;

void JobTable::recover() {
  impl_->recover();
}

void JobTable::drain(std::chrono::milliseconds bound) {
  Impl::Lock lock(impl_->mutex_);
  impl_->draining_ = true;
  impl_->changed_.wait_for(lock, bound, [this] { return impl_->starting_ == 0; });
}

Accepted JobTable::start(StartCommand command) {
  return impl_->start(std::move(command));
}
PlannedStart JobTable::plan(StartCommand command) const {
  complete(command, impl_->limits_.timeout_seconds_default, impl_->clock_.unix_ms());
  return {std::move(command), {}};
}
std::optional<Job> JobTable::get(std::string_view id) const {
  return impl_->get(id);
}
Page JobTable::list(const JobFilter& filter, unsigned limit, std::string_view token) const {
  return impl_->list(filter, limit, token);
}
Stopped JobTable::stop(std::string_view id) {
  return impl_->stop(id);
}
std::vector<std::string> JobTable::stop_all(std::chrono::milliseconds bound) {
  return impl_->stop_all(bound);
}

void JobTable::freeze(std::string reason, std::string user) {
  impl_->freeze({true, std::move(reason), std::move(user), impl_->clock_.unix_ms()});
}

void JobTable::unfreeze(std::string user) {
  impl_->freeze({false, "", std::move(user), impl_->clock_.unix_ms()});
  impl_->dispatch();
}

Freeze JobTable::frozen() const {
  std::lock_guard lock(impl_->mutex_);
  return impl_->freeze_;
}

void JobTable::on_notify(const std::string& instance, std::string_view kind_word, std::string_view key) {
  if (kind_word == kind::notify_kind) impl_->notified(instance, key);
}

std::optional<std::vector<JobEvent>> JobTable::events_after(uint64_t revision, unsigned max) const {
  return impl_->events_.after(revision, max);
}
uint64_t JobTable::revision() const {
  return impl_->events_.revision();
}
std::shared_ptr<void> JobTable::subscribe(std::function<void()> listener) {
  return impl_->events_.subscribe(std::move(listener));
}
std::string JobTable::trouble() const {
  return impl_->store_->trouble();
}

std::optional<Job> JobTable::in_hand(std::string_view id) const {
  std::lock_guard lock(impl_->mutex_);
  const auto entry = impl_->find(id);
  if (!entry || !entry->announced) return std::nullopt;
  return impl_->shown(*entry);
}
void JobTable::take_up(const std::string& id, const std::function<std::optional<JobRecord>()>& newest) {
  impl_->take_up(id, newest);
}
void JobTable::ask_to_stop(const std::string& id) {
  impl_->ask_to_stop(id);
}
void JobTable::record_removed(const JobRecord& record) {
  impl_->record_removed(record);
}
void JobTable::reread_freeze() {
  impl_->load_freeze();
  impl_->dispatch();
}

void JobTable::wake() {
  impl_->wake();
}

}  // namespace operon::jobs
