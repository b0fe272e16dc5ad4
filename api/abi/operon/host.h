/* operon/host.h: what a plugin may ask of the host: the log, "look again", and host services by name.
 *
 * Services are asked in the shape in which plugins are asked (service, verb, JSON), so that they work the same across a process
 * boundary: operon.host.kv/1, .clock/1, .http/1, .metrics/1, .executor/1, .kube/1. */
#ifndef OPERON_HOST_H
#define OPERON_HOST_H

#include "operon/call.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct operon_host operon_host;           /* the host as this one instance sees it */
typedef struct operon_operation operon_operation; /* a question in flight; a handle like operon_call, good until done() was called */

enum { OPERON_LOG_TRACE = 0, OPERON_LOG_DEBUG = 1, OPERON_LOG_INFO = 2, OPERON_LOG_WARN = 3, OPERON_LOG_ERROR = 4 };

/* Where the answer of a host service goes. The struct is copied by invoke(); what `arg` points to must live until done(). */
typedef struct operon_sink {
  uint32_t struct_size, reserved;
  void* arg;
  /* One at a time, in order. OPERON_RESOURCE_EXHAUSTED: keep it, call again after resume(). OPERON_CANCELLED: stop. [any-thread] */
  operon_status (*chunk)(void* arg, uint32_t stream, operon_str data) OPERON_NOEXCEPT;
  /* Exactly once, last. On OK `reply_or_message` is the JSON answer, else the error's text. [any-thread] */
  void (*done)(void* arg, operon_status, operon_str reply_or_message, operon_str details_json) OPERON_NOEXCEPT;
} operon_sink;

typedef struct operon_host_api {
  uint32_t struct_size, abi_minor;
  operon_host* self;
  const operon_call_api* call;
  operon_str name, version; /* of the host program */

  /* Non-zero when a line of this level would be written. [any-thread] [no-block] */
  int32_t (*log_enabled)(operon_host*, int32_t level) OPERON_NOEXCEPT;

  /* One line; `fields_json` is a JSON object or absent. Secrets are the plugin's to leave out; the host scrubs what it knows.
   * [any-thread] [no-block] */
  void (*log)(operon_host*, int32_t level, operon_str message, operon_str fields_json) OPERON_NOEXCEPT;

  /* Level-triggered: "something about (kind, key) changed, look again". The host de-duplicates and re-reads. [any-thread] [no-block] */
  operon_status (*notify)(operon_host*, operon_str kind, operon_str key) OPERON_NOEXCEPT;

  /* Asks a host service. `parent` (may be NULL) lends deadline, cancellation and metadata. Never blocks; the sink may be called before
   * it returns. On a return other than OPERON_OK the sink is never called. [any-thread] [no-block] */
  operon_status (*invoke)(operon_host*, operon_call* parent, operon_str service, operon_str verb, operon_str request_json,
                          const operon_sink*, operon_operation**) OPERON_NOEXCEPT;

  /* Goes on after chunk() answered OPERON_RESOURCE_EXHAUSTED. [any-thread] [no-block] */
  void (*resume)(operon_host*, operon_operation*) OPERON_NOEXCEPT;

  /* Asks the operation to end early; done() still comes. [any-thread] [no-block] */
  void (*cancel)(operon_host*, operon_operation*) OPERON_NOEXCEPT;
} operon_host_api;

#ifdef __cplusplus
}
#endif
#endif
