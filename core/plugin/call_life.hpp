/// core/plugin/call_life.hpp: how one call begins, runs, is told of, and ends. Private to core/plugin.
///
/// Two ends have to meet: the plugin's (`over`: the verb returned, and `finish` came if it was due) and the asker's (a waiter woke, or an
/// observer had on_end). A deadline, a cancellation nobody listens to, or the host's stop decides the asker's end alone (`expired`).
#pragma once

#include <mutex>
#include <string_view>

#include "core/plugin/call_slot.hpp"

namespace operon::plugin {

using Lock = std::unique_lock<std::mutex>;

/// Makes the slot this call's, pinned once by the caller; returns the handle. The context is copied.
uint64_t begin_call(CallSlot&, InstanceCore&, VerbEntry&, const CallContext* context) noexcept;

/// Enters the verb on this thread; the gate was entered before. The caller has a pin. Returns with the slot locked.
Lock run_verb(CallSlot&, std::string_view request, OneVerb) noexcept;

/// Ends a call that never was entered.
void refuse_call(CallSlot&, Lock&, operon_status, const char* why) noexcept;

/// Tells the asker now; the plugin may go on until it notices.
void expire_call(uint64_t handle, operon_status) noexcept;

/// The asker has lost interest: the plugin is told, and has the instance's default time to end the call.
void cancel_call(uint64_t handle) noexcept;

/// There is room in the observer again.
void call_writable(uint64_t handle) noexcept;

/// With the lock: delivers what can be delivered, in order, one thread at a time.
void pump(CallSlot&, Lock&) noexcept;

/// With the lock: `finish` and the verb's return have both come. Unlocks while it tells.
void end_plugin_side(CallSlot&, Lock&, operon_status) noexcept;

/// Takes a pin back; the last one to leave a call that is ended on both sides frees the slot. The lock is released.
void unpin(CallSlot&, Lock&) noexcept;

/// How the call ended, for its asker. With the lock or when nobody else can touch the slot.
Outcome outcome_of(CallSlot&);

/// All live calls of an instance; with `plugin_too` the plugin's side ends as well (after quiesce). Returns how many there were.
size_t end_calls(InstanceCore&, bool plugin_too) noexcept;
void cancel_calls(InstanceCore&, bool endless_only) noexcept;

const char* code_name(operon_status) noexcept;

}  // namespace operon::plugin
