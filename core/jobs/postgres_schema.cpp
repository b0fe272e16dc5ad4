#include "core/jobs/postgres_schema.hpp"

#include <array>

#include "core/jobs/postgres_connection.hpp"
#include "operon/error.hpp"

namespace operon::jobs::postgres {
namespace {

/// Only ever appended to: the position is the version. SQLite's, with texts in byte order as they are there.
constexpr std::array<const char*, 1> migrations = {R"sql(
CREATE TABLE jobs (
  id TEXT COLLATE "C" PRIMARY KEY,
  created BIGINT NOT NULL,
  ended BIGINT NOT NULL CHECK (ended IN (0, 1)),
  phase TEXT COLLATE "C" NOT NULL CHECK (phase IN ('Pending', 'Running', 'Succeeded', 'Failed', 'Stopped')),
  target_id TEXT COLLATE "C" NOT NULL,
  cluster_name TEXT COLLATE "C" NOT NULL,
  scenario_name TEXT COLLATE "C" NOT NULL,
  end_time BIGINT,
  cleanup BIGINT NOT NULL,
  revision BIGINT NOT NULL,
  record TEXT NOT NULL,
  json TEXT NOT NULL,
  checksum BIGINT NOT NULL
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
  id TEXT COLLATE "C" PRIMARY KEY,
  request TEXT NOT NULL
);
CREATE TABLE pending_blobs (
  id TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  content BYTEA NOT NULL,
  PRIMARY KEY (id, name)
);
CREATE TABLE kv (
  instance TEXT COLLATE "C" NOT NULL,
  key TEXT COLLATE "C" NOT NULL,
  value BYTEA NOT NULL,
  PRIMARY KEY (instance, key)
);
CREATE TABLE meta (
  key TEXT COLLATE "C" PRIMARY KEY,
  value TEXT NOT NULL
);
)sql"};

int stored_version(Connection& connection) {
  auto version = connection.statement("SELECT max(version) FROM operon_schema");
  return version.step() ? static_cast<int>(version.integer(0)) : 0;
}

void bring_up_to_date(Connection& connection, const std::string& where) {
  connection.execute("CREATE TABLE IF NOT EXISTS operon_schema (version BIGINT PRIMARY KEY)");
  const int found = stored_version(connection);
  if (found > schema_version()) {
    throw Error(Code::failed_precondition, where + " has schema version " + std::to_string(found) + ", this operon knows up to " +
                                               std::to_string(schema_version()) +
                                               ": run the newer operon, or give this one a database of its own")
        .with_reason("SchemaTooNew");
  }
  for (int version = found; version < schema_version(); ++version) {
    connection.execute(migrations[static_cast<size_t>(version)]);
    connection.statement("INSERT INTO operon_schema (version) VALUES ($1)").bind(int64_t{version + 1}).run();
  }
}

}  // namespace

int schema_version() {
  return static_cast<int>(migrations.size());
}

void migrate(Connection& connection, const std::string& where) {
  connection.execute("BEGIN");
  try {
    bring_up_to_date(connection, where);
    connection.execute("COMMIT");
  } catch (...) {
    if (!connection.broken()) connection.execute("ROLLBACK");
    throw;
  }
}

}  // namespace operon::jobs::postgres
