/* operon/call.h: one question from the host to a plugin.
 *
 * An operon_call is a handle that the host owns, never an address to look behind. It is good from the verb's entry until the verb
 * returned anything but OPERON_PENDING, or returned OPERON_PENDING and `finish` was called (in either order). The host answers any
 * later use with OPERON_CANCELLED, and counts it, until quiesce() of the instance has returned.
 *
 * A deadline abandons the one who waits, not the call: is_cancelled() turns true, on_cancel's function is called, and the call lives on
 * until the plugin ends it. One that is not ended soon after counts as stuck, and a plugin with many of those is asked nothing more. */
#ifndef OPERON_CALL_H
#define OPERON_CALL_H

#include "operon/status.h"
#include "operon/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct operon_call operon_call;

/* Kinds of chunk that `emit` carries. */
enum {
  OPERON_STREAM_ITEM = 0,    /* one JSON value: an element of a list */
  OPERON_STREAM_STDOUT = 1,  /* raw bytes */
  OPERON_STREAM_STDERR = 2,  /* raw bytes */
  OPERON_STREAM_EVENT = 3,   /* one JSON object that says something about the chunks after it */
  OPERON_STREAM_PROGRESS = 4 /* one JSON object for people: {"message", "done", "total"} */
};

typedef struct operon_call_api {
  uint32_t struct_size, reserved;

  /* Non-zero when the one who asked has gone or the deadline has passed. [any-thread] [no-block] */
  int32_t (*is_cancelled)(const operon_call*) OPERON_NOEXCEPT;

  /* Milliseconds since 1970-01-01 UTC; 0 = no deadline. [any-thread] [no-block] */
  int64_t (*deadline_unix_ms)(const operon_call*) OPERON_NOEXCEPT;

  /* What travels beside the request: "request-id", "job-id", "user", "traceparent". Absent when unknown; borrowed until the call
   * ends. [any-thread] [no-block] */
  operon_str (*metadata)(const operon_call*, operon_str key) OPERON_NOEXCEPT;

  /* Registers the one callback for cancellation; called at once when already cancelled. ALREADY_EXISTS for a second one.
   * [any-thread] [no-block] */
  operon_status (*on_cancel)(operon_call*, operon_callback, void* arg) OPERON_NOEXCEPT;

  /* A descriptor that becomes readable on cancellation: poll it, never read or close it. -1 when none is left.
   * [any-thread] [no-block] */
  int32_t (*cancel_fd)(operon_call*) OPERON_NOEXCEPT;

  /* The answer: one JSON value, copied by the host, at most once, before the end. [any-thread] [no-block] */
  operon_status (*reply)(operon_call*, operon_str json) OPERON_NOEXCEPT;

  /* One chunk of a stream, copied by the host, never blocking. OPERON_RESOURCE_EXHAUSTED: nothing was taken, wait for on_writable.
   * [any-thread] [no-block] */
  operon_status (*emit)(operon_call*, uint32_t stream, operon_str chunk) OPERON_NOEXCEPT;

  /* Calls back once as soon as `emit` would take something again, or the call is cancelled. ALREADY_EXISTS while one is registered that
   * was not called yet. [any-thread] [no-block] */
  operon_status (*on_writable)(operon_call*, operon_callback, void* arg) OPERON_NOEXCEPT;

  /* Reads from big content that a request names as {"blob", "size", "sha256"}. Returns bytes read, 0 at the end, or the negative of
   * a status. [any-thread] */
  int64_t (*blob_read)(operon_call*, operon_str blob, uint64_t offset, void* into, size_t size) OPERON_NOEXCEPT;

  /* Says why: sets the error that goes with the status returned (or finished) next. `details` is a JSON object
   * {"reason", "field", "retryAfterMs"}, each optional, or absent. [any-thread] [no-block] */
  operon_status (*fail)(operon_call*, operon_status, operon_str message, operon_str details_json) OPERON_NOEXCEPT;

  /* Ends a call whose verb returns OPERON_PENDING; exactly once, from any thread, also before that return. [any-thread] [no-block] */
  operon_status (*finish)(operon_call*, operon_status) OPERON_NOEXCEPT;
} operon_call_api;

#ifdef __cplusplus
}
#endif
#endif
