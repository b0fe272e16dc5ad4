/// files.hpp: small files of the run folder, which is the working directory.
#pragma once

#include <stdint.h>

#include "buffer.hpp"

namespace operon::supervisor {

/// Reads all of it; false (and errno) when it cannot be.
bool read_file(const char* path, Buffer& into);

/// Writes over again what a signal cut short. False (and errno) when not all of it was written.
bool write_all(int fd, const char* bytes, size_t size);

/// Milliseconds since 1970-01-01 UTC.
int64_t unix_ms();

/// Milliseconds that also count while the machine sleeps: what limits are measured with.
int64_t steady_ms();

}  // namespace operon::supervisor
