/// core/jobs/log_archive.hpp: a finished log, compressed so that any part of it can be read alone.
///
/// Independent zstd frames of 128 KiB of log each, then a skippable frame with the table of their places: `zstd -d` reads it as one file.
#pragma once

#include <memory>
#include <string>

#include "core/jobs/log_source.hpp"

namespace operon::jobs {

/// Packs the first `size` bytes into `path`: written beside it, synced, renamed. Constant memory. Throws Error(unavailable).
/// Returns the archive's size in bytes.
uint64_t write_archive(const LogSource&, uint64_t size, const std::string& path);
/// Null when there is none. Throws Error(data_loss) when it is no whole archive.
std::shared_ptr<LogSource> open_archive(const std::string& path);

}  // namespace operon::jobs
