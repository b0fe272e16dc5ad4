#include "pods.hpp"

#include <algorithm>
#include <utility>

#include "operon/members.hpp"

namespace operon::runner_pod {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr seconds list_seconds_max{60};
constexpr seconds silence_seconds_max{180};  ///< bookmarks come every minute
constexpr milliseconds cancel_look{100};
constexpr milliseconds back_off_first{200}, back_off_max{15'000};

int64_t now_unix_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

std::string text(const json& value, const char* name) {
  const auto found = value.find(name);
  return found != value.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

/// One watch while it is open; what comes late finds it closed.
struct Pods::Watch {
  std::mutex mutex;
  std::condition_variable wake;
  Deadline last = std::chrono::steady_clock::now();
  bool done = false, expired = false, stopping = false;
  std::optional<Error> error;
  std::string version;
};

Pods::Pods(Cluster& cluster, sdk::Host host, Listener listener)
    : cluster_(cluster), host_(std::move(host)), listener_(std::move(listener)) {}

Pods::~Pods() {
  stop();
}

void Pods::begin() {
  thread_ = std::thread([this] { loop(); });
}

void Pods::stop() {
  std::shared_ptr<Watch> open;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    open = watch_;
  }
  wake_.notify_all();
  if (open) {
    const std::lock_guard lock(open->mutex);
    open->stopping = true;
    open->wake.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Pods::loop() {
  milliseconds pause = back_off_first;
  for (;;) {
    try {
      if (version_.empty()) relist();
      watch();
      pause = back_off_first;
      failure_.clear();
    } catch (const Error& e) {
      if (e.code() == Code::out_of_range) {
        version_.clear();
      } else {
        failed(e.what());
      }
    } catch (const std::exception& e) {
      failed(e.what());
      version_.clear();
    }
    std::unique_lock lock(mutex_);
    if (wake_.wait_for(lock, pause, [&] { return stopping_; })) return;
    pause = std::min(pause * 2, back_off_max);
  }
}

/// Said once, as long as it is the same.
void Pods::failed(const std::string& why) {
  if (std::exchange(failure_, why) != why) host_.warn("the pods of runs cannot be watched; trying again: " + why);
}

/// What is not in the list has gone, unless we have seen it since the list was asked for.
void Pods::relist() {
  uint64_t round = 0;
  {
    const std::lock_guard lock(mutex_);
    round = ++round_;
  }
  std::string next, version;
  do {
    const auto page = cluster_.pods(next, {std::chrono::steady_clock::now() + list_seconds_max});
    const auto& meta = page.at("metadata");
    version = text(meta, "resourceVersion");
    next = text(meta, "continue");
    for (const auto& pod : page.at("items")) {
      if (auto state = read_pod(pod)) {
        apply(std::move(*state));
      } else {
        leave_out(pod);
      }
    }
  } while (!next.empty());
  std::vector<std::string> missing;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [job, entry] : entries_) {
      if (!entry.gone && entry.round < round) missing.push_back(job);
    }
  }
  for (const auto& job : missing) remove(job, std::nullopt);
  {
    const std::lock_guard lock(mutex_);
    synced_ = true;
  }
  wake_.notify_all();
  version_ = version;
}

/// Said once of each, in the log and by an Event.
void Pods::leave_out(const json& pod) {
  const auto meta = pod.find("metadata");
  if (meta == pod.end() || !meta->is_object()) return;
  {
    const std::lock_guard lock(mutex_);
    if (left_out_.size() >= left_out_max || !left_out_.insert(text(*meta, "uid")).second) return;
  }
  const auto labels = meta->find("labels");
  const auto job = labels != meta->end() && labels->is_object() ? text(*labels, job_label) : std::string();
  const auto note = "left out: it has the labels of a run's pod, but its label " + std::string(job_label) + " is '" + job +
                    "', and the pod of a run is named " + pod_name("<" + std::string(job_label) + ">");
  host_.warn("Pod " + text(*meta, "name") + ": " + note);
  cluster_.report_pod(pod, "Malformed", note);
}

/// Returns when the server has ended the watch; throws when it ended otherwise. version_ is then where the next one goes on.
void Pods::watch() {
  auto state = std::make_shared<Watch>();
  state->version = version_;
  const auto operation = cluster_.watch_pods(
      version_, [this, state](const json& event) { take(event, *state); },
      [state](std::optional<Error> error) {
        const std::lock_guard lock(state->mutex);
        state->done = true;
        state->error = std::move(error);
        state->wake.notify_all();
      });
  {
    const std::lock_guard lock(mutex_);
    watch_ = state;
    if (stopping_) state->stopping = true;
  }
  std::unique_lock lock(state->mutex);
  while (!state->done && !state->expired && !state->stopping) {
    const auto until = state->last + silence_seconds_max;
    if (state->wake.wait_until(lock, until) == std::cv_status::timeout &&
        std::chrono::steady_clock::now() >= state->last + silence_seconds_max)
      break;
  }
  const bool cancelled = !state->done;
  if (cancelled) {
    lock.unlock();
    operation.cancel();
    lock.lock();
    state->wake.wait(lock, [&] { return state->done; });
  }
  version_ = state->version;
  if (state->expired) throw Error(Code::out_of_range, "the place in the watch is gone");
  if (state->error && !cancelled) throw Error(*state->error);
}

void Pods::take(const json& event, Watch& watch) {
  const auto type = text(event, "type");
  const auto object = event.find("object");
  if (object == event.end() || !object->is_object()) return;
  if (type != "ERROR" && type != "BOOKMARK") {
    if (auto state = read_pod(*object)) {
      if (type == "DELETED") {
        const auto job = state->job_id;
        remove(job, std::move(state));
      } else {
        apply(std::move(*state));
      }
    } else if (type != "DELETED") {
      leave_out(*object);
    }
  }
  const std::lock_guard lock(watch.mutex);
  watch.last = std::chrono::steady_clock::now();
  if (type == "ERROR") {
    watch.expired = true;
    watch.wake.notify_all();
    return;
  }
  const auto meta = object->find("metadata");
  if (meta != object->end() && meta->is_object()) {
    if (auto version = text(*meta, "resourceVersion"); !version.empty()) watch.version = std::move(version);
  }
}

Pods::Change Pods::change(const Entry& entry, bool seen) {
  Change change{entry.state, entry.gone && !entry.disowned, seen && !entry.disowned, {}};
  const auto [first, last] = observers_.equal_range(entry.state.job_id);
  for (auto it = first; it != last; ++it) change.observers.push_back(it->second);
  return change;
}

std::optional<Pods::Change> Pods::store(PodState state) {
  const std::lock_guard lock(mutex_);
  auto& entry = entries_[state.job_id];
  const bool known = !entry.state.job_id.empty();
  entry.round = round_;
  if (known && entry.state.uid != state.uid) entry.disowned = false;
  if (known && entry.state.uid == state.uid) {
    if (entry.gone || (state.version != 0 && state.version < entry.state.version)) return std::nullopt;
    // Its end stands, whatever the object says while it is taken away.
    if (entry.state.ended()) {
      entry.state.version = state.version;
      return std::nullopt;
    }
  }
  const bool seen = !known || !entry.state.same_as(state);
  entry.gone = false;
  entry.state = std::move(state);
  return change(entry, seen);
}

std::optional<Pods::Change> Pods::erase(const std::string& job, std::optional<PodState> last) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(job);
  if (found == entries_.end() || found->second.gone) return std::nullopt;
  auto& entry = found->second;
  if (last && last->uid != entry.state.uid) return std::nullopt;  // another pod of that name has come since
  const bool had_ended = entry.state.ended();
  entry.state = when_gone(had_ended || !last ? entry.state : std::move(*last), now_unix_ms());
  entry.gone = true;
  auto made = change(entry, !had_ended);
  if (entry.forgotten || entry.disowned) {
    entries_.erase(found);
    observers_.erase(job);  // they are told of this last change
    return made;
  }
  gone_.push_back(job);
  while (gone_.size() > gone_max) {
    const auto oldest = entries_.find(gone_.front());
    if (oldest != entries_.end() && oldest->second.gone) entries_.erase(oldest);
    gone_.pop_front();
  }
  return made;
}

void Pods::tell(const std::optional<Change>& change) {
  if (!change) return;
  const auto& job = change->state.job_id;
  if (change->seen_by_people && listener_.changed) listener_.changed(job);
  if (change->gone && listener_.gone) listener_.gone(job);
  for (const auto& observer : change->observers) {
    if ((*observer)(change->state)) stop_telling(job, *observer);
  }
}

void Pods::stop_telling(const std::string& job, const Observer& observer) {
  const std::lock_guard lock(mutex_);
  const auto [first, last] = observers_.equal_range(job);
  for (auto it = first; it != last; ++it) {
    if (it->second.get() != &observer) continue;
    observers_.erase(it);
    return;
  }
}

void Pods::apply(PodState state) {
  tell(store(std::move(state)));
}
void Pods::remove(const std::string& job, std::optional<PodState> last) {
  tell(erase(job, std::move(last)));
}

void Pods::put(PodState state) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = entries_.find(state.job_id); found != entries_.end()) found->second.disowned = false;
  }
  apply(std::move(state));
}

void Pods::put_gone(PodState state) {
  const auto job = state.job_id;
  store(state);
  remove(job, std::move(state));
}

void Pods::forget(const std::string& job) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(job);
  if (found == entries_.end()) return;
  if (found->second.gone) {
    std::erase(gone_, job);
    entries_.erase(found);
    observers_.erase(job);
  } else {
    found->second.forgotten = true;
  }
}

void Pods::disown(const PodState& state) {
  const std::lock_guard lock(mutex_);
  auto& entry = entries_[state.job_id];
  if (entry.state.uid != state.uid) entry = {state, round_};
  entry.disowned = true;
}

void Pods::observe(const std::string& job, std::shared_ptr<Observer> observer) {
  std::optional<PodState> now;
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(job);
    if (found != entries_.end()) now = found->second.state;
    observers_.emplace(job, observer);
  }
  if (now) tell(Change{*now, false, false, {observer}});
}

std::optional<PodState> Pods::find(const std::string& job) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(job);
  if (found == entries_.end() || found->second.forgotten || found->second.disowned) return std::nullopt;
  return found->second.state;
}

std::vector<PodState> Pods::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<PodState> states;
  for (const auto& [job, entry] : entries_) {
    if (!entry.gone && !entry.disowned) states.push_back(entry.state);
  }
  return states;
}

bool Pods::wait_synced(const Until& until) const {
  std::unique_lock lock(mutex_);
  while (!synced_ && !stopping_ && !until.cancelled() && std::chrono::steady_clock::now() < until.deadline) {
    wake_.wait_until(lock, std::min(until.deadline, std::chrono::steady_clock::now() + cancel_look));
  }
  return synced_;
}

}  // namespace operon::runner_pod
