/// processes.hpp: everything the run started, found and signalled without ever meeting a stranger.
#pragma once

#include <sys/types.h>

namespace operon::supervisor {

/// Signals every descendant of this process, new sessions and daemons too: as a sub-reaper it is their parent in the end. Returns how many.
unsigned signal_descendants(int signal);

/// Signals every process whose environment holds the entry `token` ("OPERON_RUN=..."). Returns how many. For what a dead supervisor left.
unsigned signal_by_token(const char* token, int signal);

}  // namespace operon::supervisor
