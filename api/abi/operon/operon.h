/* operon/operon.h: the whole plugin contract, one concept a header. */
#ifndef OPERON_OPERON_H
#define OPERON_OPERON_H

#include "operon/call.h"
#include "operon/host.h"
#include "operon/interface.h"
#include "operon/plugin.h"
#include "operon/status.h"
#include "operon/types.h"

#endif
