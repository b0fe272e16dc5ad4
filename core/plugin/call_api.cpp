#include "core/plugin/call_api.hpp"

#include <sys/eventfd.h>

#include <algorithm>
#include <cstring>

#include "core/base/clock.hpp"
#include "core/base/text.hpp"
#include "core/plugin/call_life.hpp"
#include "core/plugin/json_check.hpp"

namespace operon::plugin {
namespace {

constexpr int cancel_fds_max = 256;               // alive in this process
constexpr size_t error_message_bytes_max = 8192;  // longer ones are cut
constexpr size_t error_details_bytes_max = 4096;
constexpr uint32_t stream_kinds = OPERON_STREAM_PROGRESS + 1;
constexpr size_t operations_of_call_max = 256;

std::atomic<int> cancel_fds{0};

uint64_t number_of(const operon_call* call) noexcept {
  return reinterpret_cast<uint64_t>(call);
}

/// A handle that is not alive: whoever it belonged to is told.
void late(uint64_t handle, bool answer, const char* function) noexcept {
  if (Handle::tag(handle) != Handle::call_tag) return;  // never was a call's handle
  if (InstanceCore* core = InstanceCore::by_number(Handle::number(handle))) core->late_use(answer, function);
}

/// The call behind the handle, locked and pinned; null when its plugin side has ended, which is counted.
CallSlot* enter(const operon_call* call, Lock& lock, bool answer, const char* function) noexcept {
  uint64_t handle = number_of(call);
  CallSlot* slot = slot_of(handle);
  if (slot != nullptr && slot->live.load(std::memory_order_acquire) == handle) {
    lock = Lock(slot->mutex);
    if (slot->live.load(std::memory_order_relaxed) == handle && !slot->f.over && !slot->f.closing) {
      ++slot->f.pins;
      return slot;
    }
    lock.unlock();
  }
  late(handle, answer, function);
  return nullptr;
}

/// The plugin broke the contract in the middle of a call, which therefore ends with INTERNAL. Takes lock and pin.
operon_status fault_in_call(CallSlot& slot, Lock& lock, const char* what, operon_status answer) noexcept {
  if (slot.fault == nullptr) slot.fault = what;
  InstanceCore& core = *slot.core;
  unpin(slot, lock);
  core.fault(what);
  return answer;
}

int32_t is_cancelled(const operon_call* call) noexcept {
  uint64_t handle = number_of(call);
  CallSlot* slot = slot_of(handle);
  if (slot != nullptr && slot->live.load(std::memory_order_acquire) == handle) {
    bool cancelled = slot->cancelled.load(std::memory_order_acquire);
    bool gone = slot->plugin_gone.load(std::memory_order_acquire);
    if (!gone && slot->live.load(std::memory_order_acquire) == handle) {
      if (cancelled) return 1;
      int64_t deadline = slot->deadline_unix_ms.load(std::memory_order_relaxed);
      return deadline != 0 && base::system_clock().unix_ms() >= deadline ? 1 : 0;
    }
  }
  late(handle, false, "is_cancelled()");
  return 1;
}

int64_t deadline_unix_ms(const operon_call* call) noexcept {
  uint64_t handle = number_of(call);
  CallSlot* slot = slot_of(handle);
  if (slot != nullptr && slot->live.load(std::memory_order_acquire) == handle) {
    int64_t deadline = slot->deadline_unix_ms.load(std::memory_order_acquire);
    if (slot->live.load(std::memory_order_acquire) == handle) return deadline;
  }
  late(handle, false, "deadline_unix_ms()");
  return 0;
}

operon_str metadata(const operon_call* call, operon_str key) noexcept {
  Lock lock;
  CallSlot* slot = enter(call, lock, false, "metadata()");
  if (slot == nullptr) return {nullptr, 0};
  std::string_view name = view(key);
  const std::string* found = name == "request-id" ? &slot->request_id
                             : name == "job-id"   ? &slot->job_id
                             : name == "user"     ? &slot->user
                                                  : nullptr;
  operon_str answer = found == nullptr || found->empty() ? operon_str{nullptr, 0} : operon_str{found->data(), found->size()};
  unpin(*slot, lock);
  return answer;
}

operon_status on_cancel(operon_call* call, operon_callback fn, void* arg) noexcept {
  Lock lock;
  CallSlot* slot = enter(call, lock, false, "on_cancel()");
  if (slot == nullptr) return OPERON_CANCELLED;
  if (fn == nullptr) return fault_in_call(*slot, lock, "on_cancel() without a function", OPERON_INVALID_ARGUMENT);
  if (slot->f.cancel_registered) return unpin(*slot, lock), OPERON_ALREADY_EXISTS;
  slot->f.cancel_registered = true;
  if (slot->cancelled.load(std::memory_order_relaxed)) {
    lock.unlock();
    fn(arg);
    lock.lock();
  } else {
    slot->on_cancel = {fn, arg};
  }
  unpin(*slot, lock);
  return OPERON_OK;
}

int32_t cancel_fd(operon_call* call) noexcept {
  Lock lock;
  CallSlot* slot = enter(call, lock, false, "cancel_fd()");
  if (slot == nullptr) return -1;
  if (!slot->cancel_fd && cancel_fds.fetch_add(1) < cancel_fds_max) {
    bool cancelled = slot->cancelled.load(std::memory_order_relaxed);
    slot->cancel_fd = CountedFd(::eventfd(cancelled ? 1 : 0, EFD_CLOEXEC | EFD_NONBLOCK), cancel_fds);
  } else if (!slot->cancel_fd) {
    cancel_fds.fetch_sub(1);
  }
  int32_t fd = slot->cancel_fd.get();
  unpin(*slot, lock);
  return fd;
}

operon_status reply(operon_call* call, operon_str json) noexcept {
  bool sound = !broken(json) && is_json(view(json));
  Lock lock;
  CallSlot* slot = enter(call, lock, true, "reply()");
  if (slot == nullptr) return OPERON_CANCELLED;
  if (slot->f.finished) return fault_in_call(*slot, lock, "reply() after finish()", OPERON_FAILED_PRECONDITION);
  if (slot->f.replied) return fault_in_call(*slot, lock, "reply() was called twice", OPERON_FAILED_PRECONDITION);
  slot->f.replied = true;
  if (!sound) return fault_in_call(*slot, lock, "the reply is not a JSON value", OPERON_INVALID_ARGUMENT);
  if (json.len > slot->core->limits.payload_bytes_max)
    return fault_in_call(*slot, lock, "the reply is longer than payload_bytes_max", OPERON_OUT_OF_RANGE);
  slot->reply_to->assign(json.ptr, json.len);
  unpin(*slot, lock);
  return OPERON_OK;
}

/// Why the chunk breaks the contract; null when it does not.
const char* chunk_fault(const CallSlot& slot, uint32_t stream, operon_str chunk, bool sound) noexcept {
  if (slot.f.finished) return "emit() after finish()";
  if ((slot.verb->flags & OPERON_VERB_STREAMS) == 0) return "emit() in a verb that is not flagged OPERON_VERB_STREAMS";
  if (stream >= stream_kinds) return "emit() of an unknown kind of chunk";
  if (!sound) return "emit() of a chunk that is not what its kind says";
  if (chunk.len > slot.core->limits.payload_bytes_max) return "emit() of a chunk longer than payload_bytes_max";
  return nullptr;
}

operon_status emit(operon_call* call, uint32_t stream, operon_str chunk) noexcept {
  bool bytes = stream == OPERON_STREAM_STDOUT || stream == OPERON_STREAM_STDERR;
  bool sound = !broken(chunk) && (bytes || (stream == OPERON_STREAM_ITEM ? is_json(view(chunk)) : is_json_object(view(chunk))));
  Lock lock;
  CallSlot* slot = enter(call, lock, true, "emit()");
  if (slot == nullptr) return OPERON_CANCELLED;
  if (const char* fault = chunk_fault(*slot, stream, chunk, sound)) return fault_in_call(*slot, lock, fault, OPERON_INVALID_ARGUMENT);
  if (slot->cancelled.load(std::memory_order_relaxed)) return unpin(*slot, lock), OPERON_CANCELLED;
  if (slot->observer == nullptr) return unpin(*slot, lock), OPERON_FAILED_PRECONDITION;  // nobody asked for a stream
  if (slot->buffer.empty() && !slot->f.delivering && !slot->f.blocked) {
    // The straight way: no copy.
    slot->f.delivering = true;
    uint32_t seq = slot->f.writable_seq;
    CallObserver* observer = slot->observer;
    lock.unlock();
    bool taken = observer->on_chunk(stream, view(chunk));
    lock.lock();
    slot->f.delivering = false;
    if (!taken && !slot->cancelled.load(std::memory_order_relaxed)) {
      // What came in meanwhile from other threads stands behind this one.
      slot->buffer.push_front({stream, std::string(view(chunk))});
      slot->buffered_bytes += chunk.len;
      slot->f.blocked = slot->f.writable_seq == seq;
    }
    pump(*slot, lock);
    unpin(*slot, lock);
    return OPERON_OK;
  }
  if (!slot->buffer.empty() && slot->buffered_bytes + chunk.len > slot->core->limits.stream_buffer_bytes_max) {
    slot->refused_bytes = chunk.len;
    return unpin(*slot, lock), OPERON_RESOURCE_EXHAUSTED;
  }
  slot->buffer.push_back({stream, std::string(view(chunk))});
  slot->buffered_bytes += chunk.len;
  unpin(*slot, lock);
  return OPERON_OK;
}

operon_status on_writable(operon_call* call, operon_callback fn, void* arg) noexcept {
  Lock lock;
  CallSlot* slot = enter(call, lock, false, "on_writable()");
  if (slot == nullptr) return OPERON_CANCELLED;
  if (fn == nullptr) return fault_in_call(*slot, lock, "on_writable() without a function", OPERON_INVALID_ARGUMENT);
  if (slot->on_writable.fn != nullptr) return unpin(*slot, lock), OPERON_ALREADY_EXISTS;
  bool now = slot->cancelled.load(std::memory_order_relaxed) || slot->has_room();
  if (now) {
    lock.unlock();
    fn(arg);
    lock.lock();
  } else {
    slot->on_writable = {fn, arg};
  }
  unpin(*slot, lock);
  return OPERON_OK;
}

int64_t blob_read(operon_call* call, operon_str blob, uint64_t offset, void* into, size_t size) noexcept {
  Lock lock;
  CallSlot* slot = enter(call, lock, false, "blob_read()");
  if (slot == nullptr) return -OPERON_CANCELLED;
  if (broken(blob) || (into == nullptr && size > 0))
    return fault_in_call(*slot, lock, "blob_read() with a null pointer", OPERON_INVALID_ARGUMENT) * -1;
  std::shared_ptr<const std::string> content;
  if (slot->blobs) {
    auto found = slot->blobs->find(std::string(view(blob)));
    if (found != slot->blobs->end()) content = found->second;
  }
  unpin(*slot, lock);
  if (!content) return -OPERON_NOT_FOUND;
  if (offset >= content->size()) return 0;
  size_t n = std::min<uint64_t>(size, content->size() - offset);
  if (n > 0) std::memcpy(into, content->data() + offset, n);
  return static_cast<int64_t>(n);
}

operon_status fail(operon_call* call, operon_status status, operon_str message, operon_str details) noexcept {
  bool sound = status > OPERON_OK && status < static_cast<operon_status>(codes) && !broken(message) && !broken(details);
  if (sound && details.ptr != nullptr) sound = details.len <= error_details_bytes_max && is_json_object(view(details));
  Lock lock;
  CallSlot* slot = enter(call, lock, true, "fail()");
  if (slot == nullptr) return OPERON_CANCELLED;
  if (slot->f.finished) return fault_in_call(*slot, lock, "fail() after finish()", OPERON_FAILED_PRECONDITION);
  if (!sound) return fault_in_call(*slot, lock, "fail() with a status, message or details that are none", OPERON_INVALID_ARGUMENT);
  slot->f.failed = true;
  slot->f.fail_status = status;
  slot->fail_message = base::printable(view(message), error_message_bytes_max);
  slot->fail_details = view(details);
  unpin(*slot, lock);
  return OPERON_OK;
}

operon_status finish(operon_call* call, operon_status status) noexcept {
  Lock lock;
  CallSlot* slot = enter(call, lock, true, "finish()");
  if (slot == nullptr) return OPERON_CANCELLED;
  if (slot->f.finished) return fault_in_call(*slot, lock, "finish() was called twice", OPERON_FAILED_PRECONDITION);
  slot->f.finished = true;
  slot->f.finish_status = status;
  bool sound = status >= OPERON_OK && status < static_cast<operon_status>(codes);
  if (!sound) {
    slot->f.finish_status = OPERON_INTERNAL;
    if (slot->fault == nullptr) slot->fault = "finish() with a status that is none";
  }
  InstanceCore& core = *slot->core;
  if (slot->f.verb_returned) end_plugin_side(*slot, lock, slot->f.finish_status);
  unpin(*slot, lock);
  if (!sound) core.fault("finish() with a status that is none");
  return sound ? OPERON_OK : OPERON_INVALID_ARGUMENT;
}

}  // namespace

bool adopt_operation(operon_call* parent, uint64_t operation, ParentView& view) noexcept {
  Lock lock;
  CallSlot* slot = enter(parent, lock, false, "invoke()");
  if (slot == nullptr) return false;
  view.deadline_unix_ms = slot->deadline_unix_ms.load(std::memory_order_relaxed);
  view.cancelled = slot->cancelled.load(std::memory_order_relaxed);
  if (slot->operations.size() >= operations_of_call_max)
    slot->operations.erase(slot->operations.begin());  // the oldest has most likely ended
  slot->operations.push_back(operation);
  unpin(*slot, lock);
  return true;
}

const operon_call_api& call_api() noexcept {
  static constexpr operon_call_api api = {sizeof(operon_call_api),
                                          0,
                                          is_cancelled,
                                          deadline_unix_ms,
                                          metadata,
                                          on_cancel,
                                          cancel_fd,
                                          reply,
                                          emit,
                                          on_writable,
                                          blob_read,
                                          fail,
                                          finish};
  return api;
}

}  // namespace operon::plugin
