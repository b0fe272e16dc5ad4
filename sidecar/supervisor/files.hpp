/// files.hpp: small files of the run folder, which is the working directory.
#pragma once

#include <stdint.h>

#include "buffer.hpp"

namespace operon::supervisor {

/// Reads all of it; false (and errno) when it cannot be.
bool read_file(const char* path, Buffer& into);

/// Writes over again what a signal cut short. False (and errno) when not all of it was written.
bool write_all(int fd, const char* bytes, size_t size);

/// Removes a file below the working directory; never through a link, which the run may have put in the way. `path` is as it was afterwards.
void unlink_inside(char* path);

/// Milliseconds since 1970-01-01 UTC.
int64_t unix_ms();

/// Milliseconds that also count while the machine sleeps: what limits are measured with.
int64_t steady_ms();

}  // namespace operon::supervisor
