/* Where every member stands on LP64. A number here is never changed: members are appended, and appended here. */
#include "operon/operon.h"

#define HOLDS(name, condition) typedef char name[(condition) ? 1 : -1]
#define AT(type, member, offset) HOLDS(at_##type##_##member, offsetof(type, member) == (offset))
#define SIZE(type, size) HOLDS(size_of_##type, sizeof(type) == (size))

#if defined(__LP64__)

AT(operon_str, ptr, 0);
AT(operon_str, len, 8);
SIZE(operon_str, 16);

SIZE(operon_status, 4);

AT(operon_call_api, struct_size, 0);
AT(operon_call_api, reserved, 4);
AT(operon_call_api, is_cancelled, 8);
AT(operon_call_api, deadline_unix_ms, 16);
AT(operon_call_api, metadata, 24);
AT(operon_call_api, on_cancel, 32);
AT(operon_call_api, cancel_fd, 40);
AT(operon_call_api, reply, 48);
AT(operon_call_api, emit, 56);
AT(operon_call_api, on_writable, 64);
AT(operon_call_api, blob_read, 72);
AT(operon_call_api, fail, 80);
AT(operon_call_api, finish, 88);
SIZE(operon_call_api, 96);

AT(operon_verb, name, 0);
AT(operon_verb, fn, 16);
AT(operon_verb, flags, 24);
AT(operon_verb, reserved, 28);
SIZE(operon_verb, 32);

AT(operon_interface, struct_size, 0);
AT(operon_interface, verb_size, 4);
AT(operon_interface, id, 8);
AT(operon_interface, verbs, 24);
AT(operon_interface, verb_count, 32);
AT(operon_interface, reserved, 36);
SIZE(operon_interface, 40);

AT(operon_sink, struct_size, 0);
AT(operon_sink, reserved, 4);
AT(operon_sink, arg, 8);
AT(operon_sink, chunk, 16);
AT(operon_sink, done, 24);
SIZE(operon_sink, 32);

AT(operon_host_api, struct_size, 0);
AT(operon_host_api, abi_minor, 4);
AT(operon_host_api, self, 8);
AT(operon_host_api, call, 16);
AT(operon_host_api, name, 24);
AT(operon_host_api, version, 40);
AT(operon_host_api, log_enabled, 56);
AT(operon_host_api, log, 64);
AT(operon_host_api, notify, 72);
AT(operon_host_api, invoke, 80);
AT(operon_host_api, resume, 88);
AT(operon_host_api, cancel, 96);
SIZE(operon_host_api, 104);

AT(operon_plugin_api, struct_size, 0);
AT(operon_plugin_api, concurrency, 4);
AT(operon_plugin_api, configure, 8);
AT(operon_plugin_api, get_interface, 16);
AT(operon_plugin_api, quiesce, 24);
AT(operon_plugin_api, destroy, 32);
SIZE(operon_plugin_api, 40);

AT(operon_entry, magic, 0);
AT(operon_entry, struct_size, 4);
AT(operon_entry, abi_major, 8);
AT(operon_entry, abi_min_minor, 12);
AT(operon_entry, id, 16);
AT(operon_entry, version, 32);
AT(operon_entry, create, 48);
SIZE(operon_entry, 56);

#else
#error "The layout is asserted for LP64 only: add this data model's numbers before building plugins for it"
#endif

/* Numbers that travel. */
HOLDS(magic_is_fixed, OPERON_ABI_MAGIC == 0x3152504Fu);
HOLDS(major_is_fixed, OPERON_ABI_MAJOR == 1u);
HOLDS(pending_is_fixed, OPERON_PENDING == -1);
HOLDS(unauthenticated_is_fixed, OPERON_OK == 0 && OPERON_CANCELLED == 1 && OPERON_RESOURCE_EXHAUSTED == 8 && OPERON_UNAUTHENTICATED == 16);
HOLDS(streams_are_fixed, OPERON_STREAM_ITEM == 0 && OPERON_STREAM_STDOUT == 1 && OPERON_STREAM_STDERR == 2 && OPERON_STREAM_EVENT == 3 &&
                             OPERON_STREAM_PROGRESS == 4);
HOLDS(verb_flags_are_fixed, OPERON_VERB_NO_BLOCK == 1 && OPERON_VERB_STREAMS == 2 && OPERON_VERB_MUTATES == 4);
HOLDS(levels_are_fixed, OPERON_LOG_TRACE == 0 && OPERON_LOG_ERROR == 4);
HOLDS(concurrency_is_fixed, OPERON_CONCURRENT == 0 && OPERON_SERIAL == 1);

/* A function that may throw does not become a verb (C++17 on). */
#if defined(__cplusplus) && __cplusplus >= 201703L
#include <type_traits>
operon_status may_throw(operon_plugin*, operon_call*, operon_str);
operon_status never_throws(operon_plugin*, operon_call*, operon_str) noexcept;
static_assert(!std::is_convertible_v<decltype(&may_throw), operon_verb_fn>, "an exception could cross the boundary");
static_assert(std::is_convertible_v<decltype(&never_throws), operon_verb_fn>, "");
#endif

/* OPERON_HAS: what is younger than the other side's struct, or not set, is not there. */
int operon_has_compiles(const operon_host_api* api);
int operon_has_compiles(const operon_host_api* api) {
  return OPERON_HAS(api, operon_host_api, notify) ? 1 : 0;
}
