/// core/app/operond/process.hpp: the process itself: its memory, descriptors and what it tells of both.
#pragma once

#include <cstdint>
#include <string_view>

namespace operon::app {

/// Before anything else: files that this process makes are its owner's alone, a closed connection is an error and no signal, few memory
/// arenas, as many descriptors as the system lets us have.
void prepare_process();

/// Used by this process, the kernel's share included.
double cpu_seconds();

/// How many descriptors this process may have open.
uint64_t descriptors_max();

/// operon_build_info and operon_process_*, read at every scrape.
void add_process_metrics(std::string_view version);

}  // namespace operon::app
