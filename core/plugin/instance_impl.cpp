#include "core/plugin/instance_impl.hpp"

#include <thread>

#include "core/log/log.hpp"
#include "core/plugin/host_side.hpp"
#include "core/plugin/operation.hpp"
#include "core/plugin/spin.hpp"

namespace operon::plugin {
namespace {

/// How long calls that were cancelled have before quiesce() is asked to end them.
constexpr std::chrono::milliseconds pending_end_max{50};

/// A life-cycle function whose type says noexcept, and whose compiler may not have known.
void contained(InstanceCore& core, void (*function)(operon_plugin*), const char* what) noexcept {
  try {
    function(core.raw);
  } catch (...) {
    core.fault(std::string(what) + " threw through the C interface");
  }
}

/// The observer of a caller who waits: on the emitting thread, into the caller's function.
class WaitingObserver final : public CallObserver {
 public:
  WaitingObserver(const std::function<void(uint32_t, std::string_view)>& function, uint64_t& handle)
      : function_(function), handle_(handle) {}
  bool on_chunk(uint32_t stream, std::string_view data) noexcept override {
    if (thrown) return true;
    try {
      function_(stream, data);
    } catch (...) {
      thrown = std::current_exception();
      cancel_call(handle_);
    }
    return true;
  }
  void on_end(Outcome) noexcept override {}
  std::exception_ptr thrown;

 private:
  const std::function<void(uint32_t, std::string_view)>& function_;
  uint64_t& handle_;
};

/// A task of the executor. Knows the core only: whoever submitted it may be gone when a stuck plugin comes back.
void run_queued(InstanceCore& core, CallSlot& slot, bool run) noexcept {
  {
    Lock lock(slot.mutex);
    uint64_t closed = core.closed();
    if (!run || slot.f.expired || (closed & (InstanceCore::quarantined | InstanceCore::stopping)) != 0) {
      std::string why =
          (closed & InstanceCore::quarantined) != 0 ? "the plugin is quarantined: " + core.quarantine_reason() : "the host is stopping";
      refuse_call(slot, lock, OPERON_UNAVAILABLE, ("plugin instance '" + core.name + "': " + why).c_str());
      return unpin(slot, lock);
    }
    core.enter_anyway();
    slot.entered.store(true, std::memory_order_relaxed);  // while nobody can expire it: from here on it is stuck, not waiting
  }
  log::Scope scope(slot.request_id, slot.job_id);
  Lock lock = run_verb(slot, slot.request, OneVerb::wait(core));
  unpin(slot, lock);
}

}  // namespace

InstanceImpl::InstanceImpl(InstanceCore& core, Manifest manifest, const operon_plugin_api* api)
    : core_(core), manifest_(std::move(manifest)), api_(api) {
  configure_ = new VerbEntry;  // for ever, as the core's other verbs
  configure_->fn = api->configure;
  configure_->interface_id = "plugin";
  configure_->name = "configure";
}

InstanceState InstanceImpl::state() const noexcept {
  if (stopped_) return InstanceState::stopped;
  return (core_.closed() & InstanceCore::quarantined) != 0 ? InstanceState::quarantined : InstanceState::ready;
}

bool InstanceImpl::offers(std::string_view interface_id) const noexcept {
  for (const std::string& id : manifest_.interfaces) {
    if (id == interface_id) return true;
  }
  return false;
}

VerbRef InstanceImpl::find(std::string_view interface_id, std::string_view verb) const noexcept {
  for (uint32_t i = 0; i < core_.verbs.size(); ++i) {
    if (core_.verbs[i].name == verb && core_.verbs[i].interface_id == interface_id) return {&core_.verbs[i].verb, i};
  }
  return {};
}

std::vector<std::string> InstanceImpl::verbs(std::string_view interface_id) const {
  std::vector<std::string> names;
  for (const VerbEntry& entry : core_.verbs) {
    if (entry.interface_id == interface_id) names.push_back(entry.name);
  }
  return names;
}

VerbEntry* InstanceImpl::entry(VerbRef ref) const noexcept {
  if (ref.index >= core_.verbs.size()) return nullptr;
  VerbEntry& found = core_.verbs[ref.index];
  return &found.verb == ref.verb ? &found : nullptr;
}

Lock InstanceImpl::run_here(CallSlot& slot, std::string_view request) noexcept {
  if (!core_.enter()) return {};
  OneVerb one;
  if (OneVerb::try_enter(core_, one)) return run_verb(slot, request, std::move(one));
  core_.leave();
  return {};
}

void InstanceImpl::launch(CallSlot& slot, std::string_view request) {
  const char* why = nullptr;
  operon_status status = OPERON_RESOURCE_EXHAUSTED;
  if (request.size() > core_.limits.payload_bytes_max) {
    why = "the request is longer than payload_bytes_max";
  } else if ((slot.verb->flags & OPERON_VERB_NO_BLOCK) != 0 && run_here(slot, request).owns_lock()) {
    return;
  } else if ((core_.closed() & (InstanceCore::quarantined | InstanceCore::stopping | InstanceCore::not_ready)) == 0) {
    {
      Lock lock(slot.mutex);
      slot.request = request;
      ++slot.f.pins;
    }
    auto submitted = core_.executor->submit([&core = core_, &slot](bool run) { run_queued(core, slot, run); });
    if (submitted == Executor::Submitted::taken) {
      // Quarantined since we looked: the queue was emptied, and may have no thread that ever comes back to it.
      if ((core_.closed() & InstanceCore::quarantined) != 0) core_.executor->drop_queued();
      return;
    }
    if (submitted == Executor::Submitted::full) why = "calls_queued_max: too many calls wait for a thread, try again later";
    Lock lock(slot.mutex);
    --slot.f.pins;
  }
  std::string said = "plugin instance '" + core_.name + "': ";
  if (why != nullptr) {
    said += why;
  } else {
    status = OPERON_UNAVAILABLE;
    said += (core_.closed() & InstanceCore::quarantined) != 0 ? "the plugin is quarantined: " + core_.quarantine_reason()
                                                              : "the host is stopping";
  }
  Lock lock(slot.mutex);
  refuse_call(slot, lock, status, said.c_str());
}

bool InstanceImpl::wait_over(CallSlot& slot, uint64_t handle, std::chrono::milliseconds timeout) {
  Lock lock(slot.mutex, std::defer_lock);
  if (!spin_until([&] { return slot.plugin_gone.load(std::memory_order_acquire) && lock.try_lock(); })) lock.lock();
  auto done = [&] { return (slot.f.over || slot.f.expired) && !slot.f.delivering; };
  if (timeout.count() < 0) {
    slot.changed.wait(lock, done);
  } else if (!slot.changed.wait_until(lock, std::chrono::steady_clock::now() + timeout, done)) {
    lock.unlock();
    expire_call(handle, OPERON_DEADLINE_EXCEEDED);
    lock.lock();
    slot.changed.wait(lock, done);
  }
  slot.observer = nullptr;
  return !slot.f.expired;
}

std::string InstanceImpl::call(VerbRef ref, std::string_view request, const CallContext& context,
                               const std::function<void(uint32_t, std::string_view)>& on_chunk) {
  VerbEntry* verb = entry(ref);
  if (verb == nullptr) throw Error(Code::unimplemented, "plugin instance '" + core_.name + "' does not offer this verb");
  CallSlot* slot = take_slot();
  if (slot == nullptr) throw Error(Code::resource_exhausted, "calls_max: too many calls are alive in this process");
  uint64_t handle = 0;
  WaitingObserver observer(on_chunk, handle);
  handle = begin_call(*slot, core_, *verb, &context);
  if (on_chunk) slot->observer = &observer;
  launch(*slot, request);
  wait_over(*slot, handle, slot->timeout);
  Lock lock(slot->mutex);
  Outcome outcome = outcome_of(*slot);
  unpin(*slot, lock);
  if (observer.thrown) std::rethrow_exception(observer.thrown);
  if (outcome.error) throw *outcome.error;
  return std::move(outcome.reply);
}

Code InstanceImpl::call_no_block(VerbRef ref, std::string_view request, std::string& reply) noexcept {
  VerbEntry* verb = entry(ref);
  if (verb == nullptr) return Code::unimplemented;
  if ((verb->flags & OPERON_VERB_NO_BLOCK) == 0 || request.size() > core_.limits.payload_bytes_max) return call_slowly(ref, request, reply);
  CallSlot* slot = take_slot();
  if (slot == nullptr) return Code::resource_exhausted;
  reply.clear();
  uint64_t handle = begin_call(*slot, core_, *verb, nullptr);
  slot->reply_to = &reply;
  Lock lock = run_here(*slot, request);
  if (!lock) {
    // Draining, serial and busy, or closed: the queue's way, with its answers.
    lock = Lock(slot->mutex);
    slot->reply_to = &slot->reply;
    slot->f.counted = true;  // the slow way counts it
    refuse_call(*slot, lock, OPERON_UNAVAILABLE, "");
    unpin(*slot, lock);
    return call_slowly(ref, request, reply);
  }
  if (!slot->f.over) {
    lock.unlock();
    wait_over(*slot, handle, core_.limits.call_timeout_ms);
    lock.lock();
  }
  auto code = static_cast<Code>(slot->f.status);
  unpin(*slot, lock);
  if (code != Code::ok) reply.clear();
  return code;
}

Code InstanceImpl::call_slowly(VerbRef ref, std::string_view request, std::string& reply) noexcept {
  try {
    reply = call(ref, request, {}, {});
    return Code::ok;
  } catch (const Error& e) {
    reply.clear();
    return e.code();
  } catch (...) {
    return Code::resource_exhausted;
  }
}

CallHandle InstanceImpl::start(VerbRef ref, std::string request, const CallContext& context, std::shared_ptr<CallObserver> observer) {
  auto refused = [&](Code code, const std::string& why) {
    observer->on_end({code, {}, Error(code, why)});
    return CallHandle();
  };
  VerbEntry* verb = entry(ref);
  if (verb == nullptr) return refused(Code::unimplemented, "plugin instance '" + core_.name + "' does not offer this verb");
  CallSlot* slot = take_slot();
  if (slot == nullptr) return refused(Code::resource_exhausted, "calls_max: too many calls are alive in this process");
  uint64_t handle = begin_call(*slot, core_, *verb, &context);
  CallHandle mine;
  mine.impl = std::make_shared<uint64_t>(handle);
  {
    Lock lock(slot->mutex);
    slot->f.asynchronous = true;
    slot->observer = observer.get();
    slot->observer_kept = std::move(observer);
    if (slot->timeout.count() > 0) {
      slot->timer =
          core_.timers->add(std::chrono::steady_clock::now() + slot->timeout, [handle] { expire_call(handle, OPERON_DEADLINE_EXCEEDED); });
    }
  }
  launch(*slot, request);
  Lock lock(slot->mutex);
  unpin(*slot, lock);
  return mine;
}

void InstanceImpl::configure(const std::string& config_json) {
  CallSlot* slot = take_slot();
  if (slot == nullptr) throw Error(Code::resource_exhausted, "calls_max: too many calls are alive in this process");
  CallContext context{.timeout = core_.limits.call_timeout_ms, .request_id = {}, .job_id = {}, .user = {}, .blobs = {}};
  uint64_t handle = begin_call(*slot, core_, *configure_, &context);
  slot->request = config_json;
  ++slot->f.pins;
  // Not through the executor, whose queue may hold calls that wait for just this.
  std::thread([&core = core_, slot] { run_queued(core, *slot, true); }).detach();
  wait_over(*slot, handle, slot->timeout);
  Lock lock(slot->mutex);
  bool stuck = slot->f.expired && !slot->f.over;
  Outcome outcome = outcome_of(*slot);
  unpin(*slot, lock);
  if (stuck) core_.quarantine("configure() has not returned within call_timeout_ms");  // no verb may overlap with it
  if (outcome.error) throw *outcome.error;
  core_.open(InstanceCore::not_ready);
}

void InstanceImpl::reconfigure(const std::string& config_json) {
  std::lock_guard one(reconfigure_mutex_);
  if (state() != InstanceState::ready) throw Error(Code::unavailable, "plugin instance '" + core_.name + "' is " + to_string(state()));
  core_.close(InstanceCore::draining);
  core_.executor->pause();
  struct Reopen {
    InstanceCore& core;
    ~Reopen() {
      core.open(InstanceCore::draining);
      core.executor->resume();
    }
  } reopen{core_};
  auto now = std::chrono::steady_clock::now();
  auto until = now + core_.limits.call_timeout_ms;
  cancel_calls(core_, true);  // a follower's stream would never end by itself
  if (!core_.executor->wait_idle(until) || !core_.wait_empty(until)) {
    throw Error(Code::deadline_exceeded, "plugin instance '" + core_.name + "': " + std::to_string(core_.inside()) +
                                             " calls did not end in time for a new configuration; the old one stays");
  }
  configure(config_json);
}

void InstanceImpl::begin_stop() {
  core_.close(InstanceCore::stopping);
  stopped_ = true;
  core_.executor->stop();
  cancel_calls(core_, false);
}

void InstanceImpl::shut_down(std::chrono::steady_clock::time_point deadline) {
  // A verb that is still running forbids quiesce (serial); one that pends is what quiesce is for.
  if (!core_.executor->wait_idle(deadline)) {
    throw Error(Code::deadline_exceeded, "a verb has not returned");
  }
  core_.wait_empty(std::min(deadline, std::chrono::steady_clock::now() + pending_end_max));
  contained(core_, api_->quiesce, "quiesce()");
  core_.host->phase(HostSide::Phase::quiesced);
  size_t left = end_calls(core_, true) + abandon_operations(core_);
  if (left > 0) core_.fault("quiesce() returned with " + std::to_string(left) + " calls or operations unfinished");
  if (!core_.wait_empty(deadline)) throw Error(Code::deadline_exceeded, "a callback has not returned");
  contained(core_, api_->destroy, "destroy()");
  core_.host->detach();
  core_.callbacks->stop();
}

}  // namespace operon::plugin
