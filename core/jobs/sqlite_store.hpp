/// core/jobs/sqlite_store.hpp: the store in one SQLite file.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>

#include "core/jobs/store.hpp"

namespace operon::jobs {

struct SqliteLimits {
  unsigned read_connections_max = 4;
  std::chrono::milliseconds read_wait_max{30000};  ///< for one of them
  unsigned writes_queued_max = 50000;
  unsigned writes_per_commit_max = 512;
  size_t pages_kept_bytes_max = 4 << 20;  ///< pages of ended runs, in memory
  std::chrono::milliseconds busy_timeout_ms{5000};
  std::chrono::milliseconds tidy_after_ms{5000};  ///< without a write: then what was deleted goes from the log file too
};

/// Opens or makes the file (mode 0600, beside it `-wal`, `-shm` and `.lock`), brings its schema up to date and checks it whole.
/// Throws Error: failed_precondition when a newer operon has written it or another process has it open; data_loss when it is damaged;
/// unavailable when it cannot be opened or written.
std::shared_ptr<Store> open_sqlite_store(const std::filesystem::path& file, SqliteLimits = {});

}  // namespace operon::jobs
