#include "runs.hpp"

#include <algorithm>

#include "checks.hpp"
#include "objects.hpp"
#include "operon/members.hpp"

namespace operon::runner_pod {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr seconds clean_up_seconds_max{10};
constexpr seconds sync_seconds_max{5};  ///< then a single pod is asked for
constexpr int64_t destroy_grace_seconds = 5;
constexpr unsigned remove_attempts_max = 8;
constexpr milliseconds told_ahead{1000};  ///< of a call's deadline, so that the words still arrive
constexpr int handle_version = 1;

Until in(milliseconds time) {
  return {std::chrono::steady_clock::now() + time};
}

int64_t now_unix_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

json handle_json(const std::optional<sdk::Handle>& handle) {
  if (!handle || handle->version != handle_version) return json::object();
  auto state = json::parse(handle->state, nullptr, false);
  return state.is_object() ? state : json::object();
}

std::optional<LogPlace> place_of(const std::optional<sdk::Handle>& handle) {
  const auto state = handle_json(handle);
  const auto log = state.find("log");
  if (log == state.end()) return std::nullopt;
  try {
    LogPlace place;
    members::expect_object(*log);
    members::require(*log, "offset", place.offset);
    members::require(*log, "unixNs", place.unix_ns);
    members::require(*log, "lines", place.lines);
    return place;
  } catch (const Error&) {  // somebody else's words: the log is read from its beginning
    return std::nullopt;
  }
}

/// A run of which nothing is left but that there was one.
PodState unseen_end(const std::string& job, const std::optional<sdk::Handle>& handle) {
  PodState pod;
  pod.job_id = job;
  pod.name = pod_name(job);
  const auto state = handle_json(handle);
  const auto uid = state.find("uid");
  if (uid != state.end() && uid->is_string()) pod.uid = *uid;
  pod = when_gone(std::move(pod), now_unix_ms());
  pod.end_unix_ms.reset();  // nobody saw when
  pod.message = "its pod was deleted while nobody watched";
  return pod;
}

/// A start that never came to its end may have left this: the pod, but not all that it waits for.
bool may_be_half_made(const PodState& pod) {
  return pod.phase == kinds::job_runner::Phase::pending && !pod.container_began && !pod.being_deleted;
}

}  // namespace

/// Marks a job as being made here, so that nobody takes its objects for leftovers.
class Runs::Starting {
 public:
  Starting(Runs& runs, const std::string& job) : runs_(runs), job_(job) {
    const std::lock_guard lock(runs_.mutex_);
    if (!runs_.starting_.insert(job).second) throw Error(Code::unavailable, "job '" + job + "' is being worked on");
  }
  ~Starting() {
    const std::lock_guard lock(runs_.mutex_);
    runs_.starting_.erase(job_);
  }
  Starting(const Starting&) = delete;
  Starting& operator=(const Starting&) = delete;

 private:
  Runs& runs_;
  const std::string job_;
};

Runs::Runs(Configuration configuration, sdk::Host host)
    : configuration_(std::move(configuration)),
      host_(std::move(host)),
      cluster_(host_, configuration_.name_space),
      pods_(cluster_, host_,
            {.changed = [this](const std::string& job) { host_.notify(kinds::job_runner::notify_kind, job); },
             .gone = [this](const std::string& job) { remove_parts_later(job, 0); }}) {
  pods_.begin();
}

Runs::~Runs() {
  quiesce();
}

void Runs::quiesce() {
  cluster_.stop();
  pods_.stop();
  std::vector<std::shared_ptr<LogFollower>> followers;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, follower] : followers_) {
      if (auto alive = follower.lock()) followers.push_back(std::move(alive));
    }
    followers_.clear();
  }
  for (const auto& follower : followers) follower->stop();
  worker_.stop();
  timers_.stop();
}

void Runs::validate(const sdk::StartRequest& request) const {
  check_request(request);
  const std::vector<std::string> contents(request.files.size());
  make_objects(configuration_, request, contents);
}

sdk::Plan Runs::plan(const sdk::StartRequest& request) const {
  std::vector<std::string> contents;
  for (const auto& file : request.files) contents.push_back("(" + std::to_string(file.size) + " bytes, sha256 " + file.sha256 + ")");
  return {shown_objects(make_objects(configuration_, request, contents)).dump(-1, ' ', false, json::error_handler_t::replace)};
}

sdk::RunState Runs::state_of(const PodState& pod) const {
  sdk::RunState state;
  state.job_id = pod.job_id;
  state.phase = pod.phase;
  state.message = pod.message;
  state.start_unix_ms = pod.start_unix_ms;
  state.end_unix_ms = pod.end_unix_ms;
  state.exit_code = pod.exit_code;
  json handle = {{"uid", pod.uid}};
  const std::lock_guard lock(mutex_);
  if (const auto found = places_.find(pod.job_id); found != places_.end()) {
    const auto& place = found->second;
    handle["log"] = {{"offset", place.offset}, {"unixNs", place.unix_ns}, {"lines", place.lines}};
  }
  state.handle = sdk::Handle{handle_version, handle.dump()};
  return state;
}

sdk::RunState Runs::start(const sdk::StartRequest& request, const BlobReader& read_blob, const Until& until) {
  check_request(request);
  const Starting starting(*this, request.job_id);
  if (const auto there = pods_.find(request.job_id); there && !may_be_half_made(*there)) return state_of(*there);
  std::vector<std::string> contents;
  for (const auto& file : request.files) {
    contents.push_back(read_blob(file.blob, file_bytes_max));
    if (contents.back().size() != file.size) {
      throw Error(Code::data_loss, "file '" + file.name + "' has " + std::to_string(contents.back().size()) + " bytes instead of " +
                                       std::to_string(file.size));
    }
  }
  const auto objects = make_objects(configuration_, request, contents);
  try {
    return state_of(create(objects, request.job_id, until));
  } catch (const Error& e) {
    host_.warn(std::string("a run could not be started; removing what was made of it: ") + e.what(), {{"job", request.job_id}});
    remove_half_made(objects, request.job_id);
    throw;
  }
}

/// One request an object; the pod goes with its parts, for which its node waits. What is there already is from an earlier start of this
/// very job: all names follow from its id.
PodState Runs::create(const JobObjects& objects, const std::string& job, const Until& until) {
  cluster_.create(objects.first, nullptr, until);
  auto made = cluster_.create(objects.parts, &objects.pod, until);
  if (!made) made = cluster_.pod(objects.pod.name(), until);
  if (!made) throw Error(Code::unavailable, "its pod was deleted as soon as it was there");
  auto pod = read_pod(*made);
  if (!pod || pod->job_id != job) {
    throw Error(Code::failed_precondition, "there is a pod " + objects.pod.name() + " that belongs to no run of this job");
  }
  pods_.put(*pod);
  return *pod;
}

/// The pod first: it must not be left without what it needs. When even that is not answered, whoever asks for this job next goes on here.
void Runs::remove_half_made(const JobObjects& objects, const std::string& job) {
  const auto until = in(clean_up_seconds_max);
  try {
    if (const auto there = cluster_.pod(objects.pod.name(), until)) {
      const auto pod = read_pod(*there);
      if (!pod || pod->job_id != job) return;  // not ours, and so are not its parts
      pods_.disown(*pod);
      cluster_.remove("pods", objects.pod.name(), 0, until);
    }
    for (const auto* list : {&objects.parts, &objects.first}) {
      for (const auto& part : *list) cluster_.remove(part.resource, part.name(), 0, until);
    }
  } catch (const Error& e) {
    host_.warn(std::string("what was made of a run could not be removed yet: ") + e.what(), {{"job", job}});
  }
}

PodState Runs::find(const sdk::RunRequest& request, const Until& until) {
  const auto& job = request.job_id;
  check_job_id(job);
  if (const auto place = place_of(request.handle)) {
    const std::lock_guard lock(mutex_);
    places_.try_emplace(job, *place);
  }
  // With a handle its start was answered, so it is whole.
  const auto good = [&](const std::optional<PodState>& known) { return known && (request.handle || !may_be_half_made(*known)); };
  if (auto known = pods_.find(job); good(known)) return std::move(*known);
  pods_.wait_synced({std::min(until.deadline, in(sync_seconds_max).deadline), until.call});
  if (auto known = pods_.find(job); good(known)) return std::move(*known);
  const Starting nobody_else(*this, job);
  if (auto pod = adopt(request, until)) return std::move(*pod);
  if (request.handle) {
    auto pod = unseen_end(job, request.handle);
    pods_.put_gone(pod);
    return pod;
  }
  remove_parts(job, until);
  throw Error(Code::not_found, "no run of job '" + job + "' is known to this runner");
}

/// The pod as the server has it; one that would wait for ever for what a killed start did not make is removed.
std::optional<PodState> Runs::adopt(const sdk::RunRequest& request, const Until& until) {
  const auto& job = request.job_id;
  const auto there = cluster_.pod(pod_name(job), until);
  auto pod = there ? read_pod(*there) : std::nullopt;
  if (!pod || pod->job_id != job) return std::nullopt;
  if (request.handle || !may_be_half_made(*pod) || whole(*there, job, until)) {
    pods_.put(*pod);
    return pod;
  }
  host_.warn("a start was cut off before all was there that its pod waits for; removing the pod", {{"job", job}});
  pods_.disown(*pod);
  cluster_.remove_unchanged(*there, until);
  return std::nullopt;
}

bool Runs::whole(const json& pod, const std::string& job, const Until& until) {
  auto missing = needed_parts(pod);
  for (const auto& part : cluster_.parts(job, until)) missing.erase({part.resource, part.name()});
  return missing.empty();
}

sdk::RunState Runs::look(const sdk::RunRequest& request, const Until& until) {
  return state_of(find(request, until));
}

std::vector<sdk::RunState> Runs::list(const Until& until) {
  if (!pods_.wait_synced(until)) throw Error(Code::unavailable, "the pods of runs are not known yet; the log says why");
  std::vector<sdk::RunState> states;
  for (const auto& pod : pods_.all()) states.push_back(state_of(pod));
  return states;
}

void Runs::stop(const StopCall& call, const sdk::StopRequest& request) {
  check_job_id(request.job_id);
  if (const auto pod = pods_.find(request.job_id); pod && pod->ended()) return call.reply(state_of(*pod));
  cluster_.remove_pod_async(
      pod_name(request.job_id), std::clamp<int64_t>(request.grace_seconds, 0, 3600),
      [weak = weak_from_this(), call, request](const sdk::KubernetesAnswer& answer, const std::optional<Error>& error) {
        const auto self = weak.lock();
        if (self) call.guard([&] { self->stop_asked(call, request, answer, error); });
      });
}

void Runs::stop_asked(const StopCall& call, const sdk::StopRequest& request, const sdk::KubernetesAnswer& answer,
                      const std::optional<Error>& error) {
  if (error) throw Error(*error);
  json pod_there;
  if (answer.status == 404) {
    if (auto pod = pods_.find(request.job_id)) {
      pods_.put_gone(std::move(*pod));
    } else if (request.handle) {
      pods_.put_gone(unseen_end(request.job_id, request.handle));
    } else {
      throw Error(Code::not_found, "no run of job '" + request.job_id + "' is known to this runner");
    }
  } else if (!answer.ok()) {
    throw refusal("Pod " + pod_name(request.job_id) + " could not be deleted", answer);
  } else {
    pod_there = answer.json();
    if (auto pod = read_pod(pod_there); pod && pod->job_id == request.job_id) pods_.put(std::move(*pod));
  }
  const auto observer = std::make_shared<Pods::Observer>([this, call](const PodState& pod) {
    if (pod.ended()) call.reply(state_of(pod));
    return pod.ended() || call.ended();
  });
  pods_.observe(request.job_id, observer);
  const auto deadline = call.deadline_unix_ms();  // 0: it has ended, or may wait for ever
  if (deadline == 0) return;
  const auto left = milliseconds(deadline - now_unix_ms()) - told_ahead;
  timers_.after(std::max(left, milliseconds(0)),
                [this, call, observer, job = request.job_id, words = still_there_words(pod_name(request.job_id), pod_there)] {
                  call.fail(Error(Code::unavailable, words));
                  pods_.stop_telling(job, *observer);
                });
}

void Runs::logs(const LogsCall& call, const sdk::LogsRequest& request, const Until& until) {
  find({request.job_id, request.handle}, until);
  std::optional<LogPlace> known;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = places_.find(request.job_id); found != places_.end()) known = found->second;
    std::erase_if(followers_, [](const auto& one) { return one.second.expired(); });
  }
  const auto reached = [weak = weak_from_this(), job = request.job_id](const LogPlace& place) {
    const auto self = weak.lock();
    if (!self) return;
    {
      const std::lock_guard lock(self->mutex_);
      auto& kept = self->places_[job];
      if (place.offset <= kept.offset) return;
      kept = place;
    }
    self->host_.notify(kinds::job_runner::notify_kind, job);  // so that the host keeps it with the handle
  };
  const auto unread = [weak = weak_from_this(), job = request.job_id](const std::string& words) {
    if (const auto self = weak.lock())
      self->host_.warn("the node cannot read the log of a run; trying again until its container has ended: " + words, {{"job", job}});
  };
  auto follower = std::make_shared<LogFollower>(call, request, known, LogFollower::Means{cluster_, timers_, reached, unread});
  {
    const std::lock_guard lock(mutex_);
    followers_.emplace(follower.get(), follower);
  }
  follower->begin();
  pods_.observe(request.job_id, std::make_shared<Pods::Observer>([follower](const PodState& pod) { return follower->pod_changed(pod); }));
}

bool Runs::remove_parts(const std::string& job, const Until& until) {
  bool any = false;
  for (const auto& part : cluster_.parts(job, until)) any = cluster_.remove(part.resource, part.name(), 0, until) || any;
  return any;
}

/// What belongs to a pod goes with it, by whatever hand it was deleted.
void Runs::remove_parts_later(const std::string& job, unsigned attempt) {
  const auto delay = attempt == 0 ? milliseconds(0) : milliseconds(500) * (1 << attempt);
  worker_.after(delay, [this, job, attempt] {
    try {
      remove_parts(job, in(clean_up_seconds_max));
    } catch (const Error& e) {
      if (attempt + 1 < remove_attempts_max) return remove_parts_later(job, attempt + 1);
      host_.warn(std::string("what belongs to a deleted pod could not be removed: ") + e.what(), {{"job", job}});
    }
  });
}

void Runs::destroy(const std::string& job, const Until& until) {
  check_job_id(job);
  const Starting nobody_else(*this, job);
  const bool known = pods_.find(job).has_value();
  const bool removed = cluster_.remove("pods", pod_name(job), destroy_grace_seconds, until);
  const bool parts = remove_parts(job, until);
  pods_.forget(job);
  {
    const std::lock_guard lock(mutex_);
    places_.erase(job);
  }
  if (!known && !removed && !parts) throw Error(Code::not_found, "nothing is left of job '" + job + "'");
}

}  // namespace operon::runner_pod
