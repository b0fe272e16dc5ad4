#include "core/jobs/sqlite_store.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "core/base/files.hpp"
#include "core/jobs/sql_store.hpp"
#include "core/jobs/sqlite_connection.hpp"
#include "core/jobs/sqlite_schema.hpp"
#include "core/log/log.hpp"

namespace operon::jobs {
namespace {

using sqlite::Connection;

/// The connection that writes, and the lock that keeps a second host out.
class SqliteWriter final : public SqlWriter<Connection> {
 public:
  SqliteWriter(std::unique_ptr<Connection> connection, base::Fd lock, const SqliteLimits& limits)
      : lock_(std::move(lock)), connection_(std::move(connection)), limits_(limits) {}

  Connection& connection() override { return *connection_; }

  void transact(const std::function<void()>& body) override {
    untidy_ = true;
    connection_->execute("BEGIN IMMEDIATE");
    try {
      body();
      connection_->execute("COMMIT");
    } catch (...) {
      try {
        connection_->execute("ROLLBACK");
      } catch (const Error&) {  // SQLite has rolled back by itself already
      }
      throw;
    }
  }

  std::optional<std::chrono::milliseconds> rest_after() const override {
    return untidy_ ? std::optional(limits_.tidy_after_ms) : std::nullopt;
  }

  std::optional<std::string> rest() override {
    untidy_ = !tidy();
    return std::nullopt;
  }

 private:
  bool tidy() noexcept;

  const base::Fd lock_;
  const std::unique_ptr<Connection> connection_;
  const SqliteLimits limits_;
  bool untidy_ = false;
};

/// Secrets of requests that are gone stand in the log file until it is cut: SQLite itself would leave them there until they are written
/// over.
/// False: somebody reads, and it has to be tried again.
bool SqliteWriter::tidy() noexcept {
  bool whole = false;
  try {
    // Waits for readers, and writers would wait for it: only a moment.
    connection_->execute("PRAGMA busy_timeout = 20");
    auto answer = connection_->statement("PRAGMA wal_checkpoint(TRUNCATE)");
    whole = answer.step() && answer.integer(0) == 0;
  } catch (const std::exception& e) {
    log::debug("checkpoint put off", {{"error", e.what()}});
  }
  try {
    connection_->execute("PRAGMA busy_timeout = " + std::to_string(limits_.busy_timeout_ms.count()));
  } catch (const std::exception& e) {
    log::warn("the state store's time to wait could not be set back", {{"error", e.what()}});
  }
  return whole;
}
base::Fd lock_file(const std::filesystem::path& file) {
  const std::string path = file.string() + ".lock";
  base::Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) throw Error(Code::unavailable, "cannot write " + path + ": " + std::strerror(errno)).with_reason("ReadOnly");
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    throw Error(Code::failed_precondition, "the state database " + file.string() +
                                               " is in use by another operond: stop it, or give this one a state folder of its own")
        .with_reason("InUse");
  }
  return fd;
}

/// SQLite gives `-wal` and `-shm` the mode of the file itself, so it is made here, closed to others.
void make_private(const std::filesystem::path& file) {
  base::Fd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) throw Error(Code::unavailable, "cannot write " + file.string() + ": " + std::strerror(errno)).with_reason("ReadOnly");
  if (::fchmod(fd.get(), 0600) != 0)
    throw Error(Code::unavailable, "cannot set the mode of " + file.string() + ": " + std::strerror(errno));
}

}  // namespace

std::shared_ptr<Store> open_sqlite_store(const std::filesystem::path& file, SqliteLimits limits) {
  base::make_dirs(file.parent_path());
  auto lock = lock_file(file);
  make_private(file);
  auto writer = std::make_unique<Connection>(file, false, static_cast<int>(limits.busy_timeout_ms.count()));
  for (const char* setting : {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA secure_delete = ON",
                              "PRAGMA journal_size_limit = 16777216", "PRAGMA temp_store = MEMORY", "PRAGMA cache_size = -4096"}) {
    writer->execute(setting);
  }
  sqlite::migrate(*writer, file.string());
  sqlite::check_whole(*writer, file.string());
  const auto busy_timeout = static_cast<int>(limits.busy_timeout_ms.count());
  return std::make_shared<SqlStore<Connection>>(
      std::make_unique<SqliteWriter>(std::move(writer), std::move(lock), limits),
      [file, busy_timeout] { return std::make_unique<Connection>(file, true, busy_timeout); },
      SqlLimits{limits.read_connections_max,
                limits.read_wait_max,
                limits.pages_kept_bytes_max,
                {limits.writes_queued_max, limits.writes_per_commit_max}});
}

}  // namespace operon::jobs
