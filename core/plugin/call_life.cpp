#include "core/plugin/call_life.hpp"

#include <unistd.h>

#include "core/base/clock.hpp"
#include "core/log/log.hpp"
#include "core/plugin/operation.hpp"
#include "operon/sdk/text.hpp"

namespace operon::plugin {
namespace {

constexpr uint32_t measured_one_in = 64;

bool valid_end(operon_status status) noexcept {
  return status >= OPERON_OK && status < static_cast<operon_status>(codes);
}

void assign(std::string& to, std::string_view from) {
  if (!from.empty() || !to.empty()) to.assign(from);
}

void count(CallSlot& slot, operon_status status) noexcept {
  if (slot.f.counted) return;
  slot.f.counted = true;
  slot.verb->count(status);
}

/// Whom a cancellation concerns, to be told without the slot's lock. Counts as a call inside the plugin, which therefore is not destroyed
/// under it.
struct CancelNews {
  InstanceCore* core = nullptr;
  PluginCallback cancelled, writable;
  std::vector<uint64_t> operations;

  bool nobody() const noexcept { return cancelled.fn == nullptr && writable.fn == nullptr && operations.empty(); }
  void tell() const noexcept {
    if (cancelled.fn != nullptr) cancelled.fn(cancelled.arg);
    if (writable.fn != nullptr) writable.fn(writable.arg);
    for (uint64_t operation : operations) cancel_operation(operation);
    core->leave();
  }
};

/// From now on the call is cancelled for whoever looks. With the lock; tell() has to follow.
CancelNews mark_cancelled(CallSlot& slot) noexcept {
  slot.cancelled.store(true, std::memory_order_release);
  slot.buffer.clear();
  slot.buffered_bytes = 0;
  if (slot.cancel_fd) {
    uint64_t one = 1;
    [[maybe_unused]] auto written = ::write(slot.cancel_fd.get(), &one, sizeof one);
  }
  CancelNews news{
      .core = slot.core, .cancelled = std::exchange(slot.on_cancel, {}), .writable = std::exchange(slot.on_writable, {}), .operations = {}};
  news.operations.swap(slot.operations);
  if (slot.f.over) news.cancelled = news.writable = {};
  slot.core->enter_anyway();
  return news;
}

/// On a thread of the instance's own: a callback that blocks, though it must not, then holds up neither the timers nor the one who waits.
void tell_elsewhere(CancelNews news) noexcept {
  if (news.nobody()) return news.tell();
  auto shared = std::make_shared<CancelNews>(std::move(news));
  if (shared->core->callbacks->submit([shared](bool) { shared->tell(); }) != Executor::Submitted::taken) shared->tell();
}

/// A cancelled call has the instance's default time to end, or what its deadline leaves when that is less.
void shorten(CallSlot& slot, uint64_t handle) noexcept {
  std::chrono::milliseconds grace = slot.core->limits.call_timeout_ms;
  int64_t deadline = slot.deadline_unix_ms.load(std::memory_order_relaxed);
  if (slot.timer != 0 && deadline - base::system_clock().unix_ms() <= grace.count()) return;
  Timers& timers = *slot.core->timers;
  if (slot.timer != 0) timers.cancel(slot.timer);
  slot.timer = timers.add(std::chrono::steady_clock::now() + grace, [handle] { expire_call(handle, OPERON_CANCELLED); });
}

/// What the verb said, whatever it threw.
operon_status enter_verb(CallSlot& slot, std::string_view request, const char*& thrown) noexcept {
  auto handle = reinterpret_cast<operon_call*>(slot.live.load(std::memory_order_relaxed));
  try {
    return slot.verb->fn(slot.core->raw, handle, operon_str{request.data(), request.size()});
  } catch (const std::exception&) {
    thrown = "the verb threw a std::exception through the C interface";
  } catch (...) {
    thrown = "the verb threw something through the C interface";
  }
  return OPERON_INTERNAL;
}

}  // namespace

uint64_t begin_call(CallSlot& slot, InstanceCore& core, VerbEntry& verb, const CallContext* context) noexcept {
  slot.core = &core;
  slot.verb = &verb;
  slot.f = {};
  slot.f.pins = 1;
  slot.fault = nullptr;
  slot.reply_to = &slot.reply;
  slot.reply.clear();
  slot.timer = 0;
  slot.refused_bytes = 0;
  slot.on_cancel = slot.on_writable = {};
  slot.timeout = core.limits.call_timeout_ms;
  if (context != nullptr && context->timeout.count() != 0) slot.timeout = context->timeout;
  assign(slot.request_id, context ? context->request_id : std::string_view());
  assign(slot.job_id, context ? context->job_id : std::string_view());
  assign(slot.user, context ? context->user : std::string_view());
  if (context != nullptr && context->blobs) slot.blobs = context->blobs;
  bool deadline = context != nullptr && slot.timeout.count() > 0;
  slot.deadline_unix_ms.store(deadline ? base::system_clock().unix_ms() + slot.timeout.count() : 0, std::memory_order_relaxed);
  slot.cancelled.store(false, std::memory_order_relaxed);
  slot.plugin_gone.store(false, std::memory_order_relaxed);
  slot.entered.store(false, std::memory_order_relaxed);
  uint32_t n = verb.calls_begun.load(std::memory_order_relaxed);
  verb.calls_begun.store(n + 1, std::memory_order_relaxed);  // losing one between two threads only moves the sample
  slot.f.timed = (verb.flags & OPERON_VERB_NO_BLOCK) == 0 || n % measured_one_in == 0;
  if (slot.f.timed) slot.began = std::chrono::steady_clock::now();
  uint64_t handle = Handle::make(++slot.generation, core.number, slot.index);
  slot.live.store(handle, std::memory_order_release);
  return handle;
}

Lock run_verb(CallSlot& slot, std::string_view request, OneVerb one) noexcept {
  slot.entered.store(true, std::memory_order_relaxed);
  const char* fault = nullptr;
  operon_status status = enter_verb(slot, request, fault);
  one.leave();  // what follows is the host's own, and may call the instance again
  Lock lock(slot.mutex);
  slot.f.verb_returned = true;
  if (fault == nullptr && status == OPERON_PENDING) {
    if (slot.f.finished) end_plugin_side(slot, lock, slot.f.finish_status);
    return lock;
  }
  if (fault == nullptr && slot.f.finished) fault = "finish() of a call whose verb did not return OPERON_PENDING";
  if (fault == nullptr && !valid_end(status)) fault = "the verb returned a status that is none";
  if (fault != nullptr) {
    slot.fault = fault;
    slot.f.closing = true;  // for the plugin it has ended, while the lock is away
    lock.unlock();
    slot.core->fault(fault);
    lock.lock();
  }
  end_plugin_side(slot, lock, status);
  return lock;
}

void refuse_call(CallSlot& slot, Lock& lock, operon_status status, const char* why) noexcept {
  slot.f.over = true;
  slot.plugin_gone.store(true, std::memory_order_release);
  if (!slot.f.expired) {
    slot.f.status = status;
    slot.fail_message = why;
    slot.fail_details.clear();
    slot.f.failed = true;
    slot.f.fail_status = status;
  }
  count(slot, status);
  if (slot.timer != 0) slot.core->timers->cancel(std::exchange(slot.timer, 0));
  slot.changed.notify_all();
  pump(slot, lock);
}

void end_plugin_side(CallSlot& slot, Lock& lock, operon_status status) noexcept {
  slot.f.over = true;
  slot.plugin_gone.store(true, std::memory_order_release);
  slot.on_cancel = slot.on_writable = {};
  slot.cancel_fd.reset();
  if (slot.fault != nullptr) status = OPERON_INTERNAL;
  if (!slot.f.expired) slot.f.status = status;
  if (slot.f.stuck) slot.core->came_loose();
  slot.f.stuck = false;
  count(slot, status);
  if (slot.f.timed) slot.verb->seconds.observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - slot.began).count());
  if (slot.timer != 0) slot.core->timers->cancel(std::exchange(slot.timer, 0));
  slot.core->leave();
  if (slot.f.asynchronous || slot.observer != nullptr) pump(slot, lock);
}

namespace {

/// Its asker left a while ago, the plugin was told, and has not ended it.
void call_is_stuck(uint64_t handle) noexcept {
  CallSlot* slot = slot_of(handle);
  if (slot == nullptr) return;
  Lock lock(slot->mutex);
  if (slot->live.load(std::memory_order_relaxed) != handle || slot->f.over || slot->f.stuck) return;
  slot->timer = 0;
  slot->f.stuck = true;
  InstanceCore& core = *slot->core;
  int64_t stuck = core.stuck.fetch_add(1, std::memory_order_acq_rel) + 1;
  lock.unlock();
  core.became_stuck(stuck);
}

}  // namespace

void expire_call(uint64_t handle, operon_status status) noexcept {
  CallSlot* slot = slot_of(handle);
  if (slot == nullptr) return;
  Lock lock(slot->mutex);
  if (slot->live.load(std::memory_order_relaxed) != handle || slot->f.over || slot->f.expired) return;
  ++slot->f.pins;
  slot->f.expired = true;
  slot->f.status = status;
  if (slot->timer != 0) slot->core->timers->cancel(std::exchange(slot->timer, 0));
  count(*slot, status);
  // A reply that came too late must not touch a buffer whose owner leaves.
  slot->reply_to = &slot->reply;
  CancelNews news = mark_cancelled(*slot);
  lock.unlock();
  tell_elsewhere(std::move(news));
  lock.lock();
  if (slot->entered && !slot->f.over) {
    slot->timer =
        slot->core->timers->add(std::chrono::steady_clock::now() + slot->core->limits.stuck_after_ms, [handle] { call_is_stuck(handle); });
  }
  slot->changed.notify_all();
  pump(*slot, lock);
  unpin(*slot, lock);
}

void cancel_call(uint64_t handle) noexcept {
  CallSlot* slot = slot_of(handle);
  if (slot == nullptr) return;
  Lock lock(slot->mutex);
  if (slot->live.load(std::memory_order_relaxed) != handle || slot->f.expired || slot->f.delivered) return;
  if (slot->cancelled.load(std::memory_order_relaxed)) return;
  ++slot->f.pins;
  CancelNews news = mark_cancelled(*slot);
  lock.unlock();
  news.tell();
  lock.lock();
  if (slot->f.asynchronous && !slot->f.over && !slot->f.expired) shorten(*slot, handle);
  pump(*slot, lock);
  unpin(*slot, lock);
}

void call_writable(uint64_t handle) noexcept {
  CallSlot* slot = slot_of(handle);
  if (slot == nullptr) return;
  Lock lock(slot->mutex);
  if (slot->live.load(std::memory_order_relaxed) != handle) return;
  ++slot->f.pins;
  ++slot->f.writable_seq;
  slot->f.blocked = false;
  pump(*slot, lock);
  unpin(*slot, lock);
}

namespace {

/// One chunk from the buffer to the observer; puts it back when the observer is full.
void deliver_first(CallSlot& slot, Lock& lock) noexcept {
  Chunk chunk = std::move(slot.buffer.front());
  slot.buffer.pop_front();
  slot.buffered_bytes -= chunk.data.size();
  uint32_t seq = slot.f.writable_seq;
  CallObserver* observer = slot.observer;
  lock.unlock();
  bool taken = observer->on_chunk(chunk.stream, chunk.data);
  lock.lock();
  if (taken || slot.cancelled.load(std::memory_order_relaxed)) return;
  slot.buffered_bytes += chunk.data.size();
  slot.buffer.push_front(std::move(chunk));
  slot.f.blocked = slot.f.writable_seq == seq;
}

void deliver_end(CallSlot& slot, Lock& lock) noexcept {
  slot.f.delivered = true;
  Outcome outcome = outcome_of(slot);
  std::shared_ptr<CallObserver> observer = std::move(slot.observer_kept);
  slot.observer_kept = nullptr;
  slot.observer = nullptr;
  lock.unlock();
  observer->on_end(std::move(outcome));
  observer.reset();
  lock.lock();
}

}  // namespace

void pump(CallSlot& slot, Lock& lock) noexcept {
  if (slot.f.delivering) return;
  slot.f.delivering = true;
  for (;;) {
    if (!slot.buffer.empty() && slot.observer != nullptr && !slot.f.blocked && !slot.f.expired) {
      deliver_first(slot, lock);
    } else if (slot.on_writable.fn != nullptr && !slot.f.over && slot.has_room()) {
      PluginCallback callback = std::exchange(slot.on_writable, {});
      slot.core->enter_anyway();  // not destroyed meanwhile, whoever ends the call
      lock.unlock();
      callback.fn(callback.arg);
      slot.core->leave();
      lock.lock();
    } else if (slot.f.asynchronous && !slot.f.delivered && (slot.f.expired || (slot.f.over && slot.buffer.empty()))) {
      deliver_end(slot, lock);
    } else {
      break;
    }
  }
  slot.f.delivering = false;
  // Whoever waits does so for the end: a chunk is no reason to wake them.
  if (slot.f.over || slot.f.expired) slot.changed.notify_all();
}

void unpin(CallSlot& slot, Lock& lock) noexcept {
  --slot.f.pins;
  if (slot.f.pins > 0 || slot.f.delivering || !slot.f.over || (slot.f.asynchronous && !slot.f.delivered)) {
    bool over = slot.f.over;
    lock.unlock();
    // Without the lock, or whoever waits would wake up only to wait for that. Slots are never freed: at worst its next call is woken for
    // nothing.
    if (over) slot.changed.notify_all();
    return;
  }
  slot.live.store(0, std::memory_order_release);
  slot.observer = nullptr;
  slot.blobs.reset();
  slot.buffer.clear();
  slot.buffered_bytes = 0;
  slot.operations.clear();
  // Big ones are not kept for the next call.
  for (std::string* text : {&slot.reply, &slot.request, &slot.fail_message, &slot.fail_details}) {
    if (text->capacity() > 4096) std::string().swap(*text);
  }
  lock.unlock();
  give_back_slot(slot);
}

Outcome outcome_of(CallSlot& slot) {
  std::string where = "plugin instance '" + slot.core->name + "', " + slot.verb->interface_id + " " + slot.verb->name + ": ";
  Outcome outcome;
  outcome.code = static_cast<Code>(slot.f.status);
  if (slot.f.status == OPERON_OK) {
    outcome.reply = std::move(*slot.reply_to);
  } else if (slot.f.expired && slot.f.status == OPERON_DEADLINE_EXCEEDED) {
    const auto within = std::to_string(slot.timeout.count()) + " ms";
    if (slot.entered) {
      outcome.error = Error(outcome.code, where + "no answer within " + within).with_reason(no_answer_reason);
    } else {
      outcome.error = Error(outcome.code, where + "no thread was free within " + within);
    }
  } else if (slot.f.expired) {
    outcome.error = Error(outcome.code, where + (slot.f.status == OPERON_CANCELLED ? "cancelled; the plugin has not ended the call"
                                                                                   : "the host is stopping"));
  } else if (slot.fault != nullptr) {
    outcome.error = Error(outcome.code, where + slot.fault);
  } else if (slot.f.failed && !slot.fail_message.empty()) {
    outcome.error = sdk::make_error(slot.f.status, slot.fail_message, slot.fail_details);
  } else {
    outcome.error = Error(outcome.code, where + "ended with " + code_name(slot.f.status) + " and did not say why");
  }
  return outcome;
}

size_t end_calls(InstanceCore& core, bool plugin_too) noexcept {
  size_t ended = 0;
  for_each_slot([&](CallSlot& slot) {
    uint64_t handle = slot.live.load(std::memory_order_acquire);
    if (handle == 0 || Handle::number(handle) != core.number) return;
    if (!plugin_too) return expire_call(handle, OPERON_UNAVAILABLE), void(++ended);
    Lock lock(slot.mutex);
    if (slot.live.load(std::memory_order_relaxed) != handle || slot.f.over || !slot.f.verb_returned) return;
    ++ended;
    ++slot.f.pins;
    slot.fault = "the plugin did not end the call before quiesce() returned";
    end_plugin_side(slot, lock, OPERON_INTERNAL);
    unpin(slot, lock);
  });
  return ended;
}

void cancel_calls(InstanceCore& core, bool endless_only) noexcept {
  for_each_slot([&](CallSlot& slot) {
    uint64_t handle = slot.live.load(std::memory_order_acquire);
    if (handle == 0 || Handle::number(handle) != core.number) return;
    if (!endless_only || slot.deadline_unix_ms.load(std::memory_order_acquire) == 0) cancel_call(handle);
  });
}

const char* code_name(operon_status status) noexcept {
  static constexpr const char* names[codes] = {
      "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
      "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
      "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
      "DATA_LOSS", "UNAUTHENTICATED"};
  return status >= 0 && status < static_cast<operon_status>(codes) ? names[status] : "an unknown status";
}

}  // namespace operon::plugin
