/// data-provider/idle_memory.hpp: memory that nothing needs while nobody asks.
#pragma once

namespace operon::data_provider {

/// Gives back free heap, and program text that start-up or the last calls needed; what is needed again is mapped again from the page cache,
/// some microseconds a piece. Some 10 MB of 14 after start-up. For moments in which nothing is going on. Thread-safe.
void release_idle_memory();

}  // namespace operon::data_provider
