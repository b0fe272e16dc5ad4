/// core/base/idle_memory.hpp: memory that nothing needs while nobody asks.
#pragma once

namespace operon::base {

/// Gives back free heap, and program text that start-up or the last calls needed; what is needed again is mapped again from the page cache,
/// some microseconds a piece. Of an operond that has just started this is half of what it has in memory. For moments in which nothing is
/// going on. Thread-safe.
void release_idle_memory();

}  // namespace operon::base
