/* operon/status.h: how everything ends. The canonical codes of gRPC, so that a process boundary changes none of them, and one of ours. */
#ifndef OPERON_STATUS_H
#define OPERON_STATUS_H

#include "operon/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef int32_t operon_status;

enum {
  OPERON_PENDING = -1, /* only as a verb's return value: the answer comes later, by `finish` */
  OPERON_OK = 0,
  OPERON_CANCELLED = 1,
  OPERON_UNKNOWN = 2,
  OPERON_INVALID_ARGUMENT = 3, /* no caller could mean this: wrong type, bad base64 */
  OPERON_DEADLINE_EXCEEDED = 4,
  OPERON_NOT_FOUND = 5,
  OPERON_ALREADY_EXISTS = 6,
  OPERON_PERMISSION_DENIED = 7,
  OPERON_RESOURCE_EXHAUSTED = 8,  /* a limit with a name was hit; of `emit`: nothing was taken, wait for on_writable */
  OPERON_FAILED_PRECONDITION = 9, /* well-formed and refused: an illegal path, a value outside its field's rule */
  OPERON_ABORTED = 10,
  OPERON_OUT_OF_RANGE = 11,
  OPERON_UNIMPLEMENTED = 12,
  OPERON_INTERNAL = 13,
  OPERON_UNAVAILABLE = 14, /* what we depend on is away; trying again later may help */
  OPERON_DATA_LOSS = 15,
  OPERON_UNAUTHENTICATED = 16
};

#ifdef __cplusplus
}
#endif
#endif
