/* operon/interface.h: what a plugin offers: an id and a table of named verbs, all of one shape.
 *
 * Because every verb has this shape, the loader, the out-of-process runner, the validator and the tests know no kind of plugin; a new
 * kind is a new id with JSON Schemas of its requests and answers. */
#ifndef OPERON_INTERFACE_H
#define OPERON_INTERFACE_H

#include "operon/call.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct operon_plugin operon_plugin; /* one configured instance; the plugin's own, opaque to the host */

/* Returns OPERON_OK (an answer was given by `reply`, or none is due), an error, or OPERON_PENDING (`finish` follows).
 * [instance], and [no-block] when the verb is flagged OPERON_VERB_NO_BLOCK. */
typedef operon_status (*operon_verb_fn)(operon_plugin*, operon_call*, operon_str request_json) OPERON_NOEXCEPT;

enum {
  OPERON_VERB_NO_BLOCK = 1, /* keeps the [no-block] promise: called on the asking thread */
  OPERON_VERB_STREAMS = 2,  /* may emit */
  OPERON_VERB_MUTATES = 4   /* changes something outside: never repeated by the host on its own account */
};

typedef struct operon_verb {
  operon_str name; /* "start" */
  operon_verb_fn fn;
  uint32_t flags, reserved;
} operon_verb;

typedef struct operon_interface {
  uint32_t struct_size, verb_size; /* verb_size = sizeof(operon_verb) in the plugin's build: the stride of `verbs` */
  operon_str id;                   /* "operon.job-runner/1" */
  const operon_verb* verbs;
  uint32_t verb_count, reserved;
} operon_interface;

#ifdef __cplusplus
}
#endif
#endif
