#include "core/kube/lease.hpp"

#include <pthread.h>

#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "core/base/text.hpp"
#include "core/kube/api.hpp"
#include "core/kube/backoff.hpp"
#include "core/kube/status.hpp"
#include "core/log/log.hpp"

namespace operon::kube {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using TimePoint = std::chrono::steady_clock::time_point;

const Resource leases{"coordination.k8s.io", "v1", "leases"};

std::string micro_time(int64_t unix_ms) {
  std::string text = base::rfc3339_ms(unix_ms);
  text.insert(text.size() - 1, "000");
  return text;
}

std::string text_at(const json& object, const char* member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

int64_t whole_at(const json& object, const char* member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_number_integer() ? found->get<int64_t>() : 0;
}

}  // namespace

struct LeaderElection::State {
  State(Client& c, LeaseOptions o, std::function<void(Holds)> begin, std::function<void()> end, base::Clock& k)
      : api(c, o.renew_deadline / 2), options(std::move(o)), started(std::move(begin)), stopped(std::move(end)), clock(k) {}

  void run();
  bool holds() const;
  bool try_once();
  json wanted(const json& now, bool fresh_term) const;
  bool write(json lease, bool existed);
  void hold(const json& lease, TimePoint asked);
  void lose(const std::string& why);
  void release();

  const Api api;
  const LeaseOptions options;
  const std::function<void(Holds)> started;
  const std::function<void()> stopped;
  base::Clock& clock;

  mutable std::mutex mutex;  // of what follows
  std::condition_variable wake;
  bool stopping = false;
  bool holding = false;
  Fence present;
  std::string holder;

  // The thread's own.
  std::string seen_version;  ///< of the lease, and since when it has been this one: clocks of other machines do not count
  TimePoint seen_since;
  bool told = false;
  std::string last_trouble;
  Random random;
  std::thread thread;
};

LeaderElection::LeaderElection(Client& client, LeaseOptions options, std::function<void(Holds)> started, std::function<void()> stopped,
                               base::Clock& clock)
    : state_(std::make_unique<State>(client, std::move(options), std::move(started), std::move(stopped), clock)) {
  const auto& o = state_->options;
  if (o.identity.empty() || o.renew_deadline >= o.duration || o.retry_period * 2 > o.renew_deadline) {
    throw Error(Code::invalid_argument, "leader election: needs an identity, and duration > renewDeadline >= 2 * retryPeriod");
  }
  state_->thread = std::thread([self = state_.get()] { self->run(); });
}

LeaderElection::~LeaderElection() {
  {
    std::lock_guard lock(state_->mutex);
    state_->stopping = true;
    state_->wake.notify_all();
  }
  state_->thread.join();
}

bool LeaderElection::State::holds() const {
  std::lock_guard lock(mutex);
  return holding && clock.steady() < present.until;
}

bool LeaderElection::leading() const {
  return state_->holds();
}

Fence LeaderElection::fence() const {
  std::lock_guard lock(state_->mutex);
  if (!state_->holding || state_->clock.steady() >= state_->present.until) {
    throw Error(Code::failed_precondition, state_->holder.empty() || state_->holder == state_->options.identity
                                               ? "this is not the leader; there is none at the moment"
                                               : "this is not the leader; " + state_->holder + " is")
        .with_reason("NotLeader");
  }
  return state_->present;
}

std::string LeaderElection::holder() const {
  std::lock_guard lock(state_->mutex);
  return state_->holder;
}

void LeaderElection::State::run() {
  pthread_setname_np(pthread_self(), "operon-lease");
  std::unique_lock lock(mutex);
  while (!stopping) {
    lock.unlock();
    const bool mine = try_once();
    if (mine && !told) {
      told = true;
      log::info("this is the leader", {{"lease", options.name_space + "/" + options.name}, {"identity", options.identity}});
      started([this] { return holds(); });
    }
    lock.lock();
    const bool expired = told && (!mine && (!holding || clock.steady() >= present.until));
    if (expired) {
      lock.unlock();
      lose("the lease could not be renewed in time");
      lock.lock();
    }
    const auto wait = options.retry_period + milliseconds(random.up_to(options.retry_period.count() / 5));
    auto until = std::chrono::steady_clock::now() + wait;
    if (holding) until = std::min(until, std::chrono::steady_clock::now() + (present.until - clock.steady()));
    if (!stopping) wake.wait_until(lock, until);
  }
  lock.unlock();
  const bool was_leader = told;
  if (was_leader) lose("stopping");
  if (was_leader) release();
}

/// One look at the lease, and a write if it is ours or free. True = we hold it.
bool LeaderElection::State::try_once() {
  try {
    const Name name{options.name_space, options.name};
    json lease;
    try {
      lease = api.get(leases, name);
    } catch (const Error& e) {
      if (!is_not_found(e)) throw;
      return write({{"apiVersion", "coordination.k8s.io/v1"}, {"kind", "Lease"}, {"metadata", {{"name", options.name}}}}, false);
    }
    last_trouble.clear();
    const json spec = lease.value("spec", json::object());
    const std::string by = text_at(spec, "holderIdentity"), version = text_at(lease["metadata"], "resourceVersion");
    if (version != seen_version) {
      seen_version = version;
      seen_since = clock.steady();
    }
    {
      std::lock_guard lock(mutex);
      holder = by;
      if (by != options.identity) holding = false;
    }
    const auto others_time = milliseconds(std::max<int64_t>(whole_at(spec, "leaseDurationSeconds"), 1) * 1000);
    // Counted from when we saw it last renewed, by our own clock, whatever time the holder wrote.
    if (!by.empty() && by != options.identity && clock.steady() < seen_since + others_time) return false;
    return write(std::move(lease), true);
  } catch (const Error& e) {
    if (last_trouble != e.what()) log::warn("the leader's lease cannot be read or written", {{"error", e.what()}});
    last_trouble = e.what();
    return false;
  }
}

json LeaderElection::State::wanted(const json& now, bool fresh_term) const {
  const int64_t term = whole_at(now, "leaseTransitions");
  const std::string time = micro_time(clock.unix_ms());
  const std::string acquired = text_at(now, "acquireTime");
  return {{"holderIdentity", options.identity},
          {"leaseDurationSeconds", std::chrono::ceil<std::chrono::seconds>(options.duration).count()},
          {"acquireTime", fresh_term || acquired.empty() ? time : acquired},
          {"renewTime", time},
          {"leaseTransitions", fresh_term ? term + 1 : term}};
}

bool LeaderElection::State::write(json lease, bool existed) {
  const json before = lease.value("spec", json::object());
  bool held = false;
  {
    std::lock_guard lock(mutex);
    held = holding;
  }
  // A lease with our name that we do not hold is an earlier life's: a new term, so that what that life still sends is told from ours.
  lease["spec"] = wanted(before, !held || text_at(before, "holderIdentity") != options.identity);
  const auto asked = clock.steady();
  try {
    // The resourceVersion that was read goes with it: of two that try, the server takes one.
    const auto now =
        existed ? api.update(leases, {options.name_space, options.name}, lease) : api.create(leases, options.name_space, lease);
    hold(now.parse(), asked);
    return true;
  } catch (const Error& e) {
    if (!is_conflict(e) && !is_already_exists(e)) throw;
    return false;
  }
}

void LeaderElection::State::hold(const json& lease, TimePoint asked) {
  seen_version = text_at(lease.at("metadata"), "resourceVersion");
  seen_since = asked;
  std::lock_guard lock(mutex);
  holder = options.identity;
  holding = true;
  present.term = whole_at(lease.at("spec"), "leaseTransitions");
  present.until = asked + options.renew_deadline;  // from before the request: others count from after it
}

void LeaderElection::State::lose(const std::string& why) {
  {
    std::lock_guard lock(mutex);
    holding = false;
    present = {};
  }
  told = false;
  log::info("this is not the leader any more", {{"lease", options.name_space + "/" + options.name}, {"why", why}});
  stopped();
}

void LeaderElection::State::release() {
  try {
    const Name name{options.name_space, options.name};
    json lease = api.get(leases, name);
    if (text_at(lease["spec"], "holderIdentity") != options.identity) return;
    lease["spec"]["holderIdentity"] = "";
    lease["spec"]["leaseDurationSeconds"] = 1;
    api.update(leases, name, lease);
  } catch (const Error& e) {
    log::warn("the leader's lease could not be given back; others wait until it expires", {{"error", e.what()}});
  }
}

}  // namespace operon::kube
