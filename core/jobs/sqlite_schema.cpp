#include "core/jobs/sqlite_schema.hpp"

#include <array>

#include "core/jobs/sqlite_connection.hpp"
#include "operon/error.hpp"

namespace operon::jobs::sqlite {
namespace {

/// Only ever appended to: the position is the version.
/// Runs that have not ended are few and in memory; the partial indexes hold the ended ones, newest-first, alone and behind each filter.
constexpr std::array<const char*, 1> migrations = {R"sql(
CREATE TABLE jobs (
  id TEXT PRIMARY KEY NOT NULL,
  created INTEGER NOT NULL,
  ended INTEGER NOT NULL CHECK (ended IN (0, 1)),
  phase TEXT NOT NULL CHECK (phase IN ('Pending', 'Running', 'Succeeded', 'Failed', 'Stopped')),
  target_id TEXT NOT NULL,
  cluster_name TEXT NOT NULL,
  scenario_name TEXT NOT NULL,
  end_time INTEGER,
  cleanup INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  record TEXT NOT NULL,
  json TEXT NOT NULL,
  checksum INTEGER NOT NULL
);
CREATE INDEX jobs_by_created ON jobs (created, id) WHERE ended = 1;
CREATE INDEX jobs_by_phase ON jobs (phase, created, id) WHERE ended = 1;
CREATE INDEX jobs_by_target ON jobs (target_id, created, id) WHERE ended = 1;
CREATE INDEX jobs_by_cluster ON jobs (cluster_name, created, id) WHERE ended = 1;
CREATE INDEX jobs_by_scenario ON jobs (scenario_name, created, id) WHERE ended = 1;
CREATE INDEX jobs_by_end ON jobs (end_time) WHERE ended = 1;
CREATE INDEX jobs_not_ended ON jobs (created, id) WHERE ended = 0;
CREATE INDEX jobs_to_clean ON jobs (cleanup, end_time) WHERE ended = 1 AND cleanup < 2;
CREATE INDEX jobs_by_revision ON jobs (revision);
CREATE TABLE pending_requests (
  id TEXT PRIMARY KEY NOT NULL,
  request TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE pending_blobs (
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  content BLOB NOT NULL,
  PRIMARY KEY (id, name)
);
CREATE TABLE kv (
  instance TEXT NOT NULL,
  key TEXT NOT NULL,
  value BLOB NOT NULL,
  PRIMARY KEY (instance, key)
) WITHOUT ROWID;
CREATE TABLE meta (
  key TEXT PRIMARY KEY NOT NULL,
  value TEXT NOT NULL
) WITHOUT ROWID;
)sql"};

int stored_version(Connection& connection) {
  auto statement = connection.statement("PRAGMA user_version");
  return statement.step() ? static_cast<int>(statement.integer(0)) : 0;
}

}  // namespace

int schema_version() {
  return static_cast<int>(migrations.size());
}

void migrate(Connection& connection, const std::string& where) {
  const int found = stored_version(connection);
  if (found > schema_version()) {
    throw Error(Code::failed_precondition, "the state database " + where + " has schema version " + std::to_string(found) +
                                               ", this operon knows up to " + std::to_string(schema_version()) +
                                               ": run the newer operon, or give this one a state folder of its own")
        .with_reason("SchemaTooNew");
  }
  for (int version = found; version < schema_version(); ++version) {
    // user_version is part of the file's header, so it moves with the transaction: half a migration does not exist.
    connection.execute("BEGIN IMMEDIATE");
    try {
      connection.execute(migrations[static_cast<size_t>(version)]);
      connection.execute("PRAGMA user_version = " + std::to_string(version + 1));
      connection.execute("COMMIT");
    } catch (...) {
      try {
        connection.execute("ROLLBACK");
      } catch (const Error&) {  // the failure that led here is the one to tell
      }
      throw;
    }
  }
}

void check_whole(Connection& connection, const std::string& where) {
  auto statement = connection.statement("PRAGMA quick_check(1)");
  const std::string answer = statement.step() ? statement.text(0) : "no answer";
  if (answer == "ok") return;
  throw Error(Code::data_loss, "the state database " + where + " is damaged (" + answer +
                                   "): move it away to start with an empty history, or restore a copy of it")
      .with_reason("Damaged");
}

}  // namespace operon::jobs::sqlite
