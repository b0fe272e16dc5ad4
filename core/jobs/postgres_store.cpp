#include "core/jobs/postgres_store.hpp"

#include "core/base/ids.hpp"
#include "core/jobs/postgres_schema.hpp"
#include "core/jobs/postgres_server.hpp"
#include "core/jobs/sql_store.hpp"
#include "core/log/log.hpp"

namespace operon::jobs {
namespace {

using postgres::Connection;
using postgres::Server;

/// One host on one schema; the number is "oper".
constexpr const char* take_lock = "SELECT pg_advisory_lock(1869636978, hashtext(current_schema()))";
constexpr const char* who_holds_it =
    "SELECT coalesce(nullif(a.application_name, ''), 'session ' || a.pid) || coalesce(', from ' || host(a.client_addr), '') || coalesce(', "
    "since '"
    " || to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS TZ'), '') FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid WHERE "
    "l.locktype ="
    " 'advisory' AND l.granted AND l.classid = 1869636978 AND l.objsubid = 2 AND l.objid::bigint = (hashtext(current_schema())::bigint &"
    " 4294967295) AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// What says that nobody else has worked on the database while we were away from it.
constexpr const char* holder_key = "postgresql.holder";

/// The connection that writes. It has the database to itself: by the lock, as long as the connection lives, and by the holder's name after
/// it.
class PostgresWriter final : public SqlWriter<Connection> {
 public:
  /// Throws: a host does not start without its database.
  explicit PostgresWriter(std::shared_ptr<const Server> server)
      : server_(std::move(server)), backoff_(server_->limits().retry_ms_min, server_->limits().retry_ms_max) {
    connection_ = server_->connect(Server::Use::write);
    try {
      lock(*connection_);
    } catch (const Error& e) {
      if (e.reason() != "InUse") throw;
      throw Error(Code::failed_precondition, e.what()).with_reason("InUse");
    }
    postgres::migrate(*connection_, server_->where());
    connection_->statement("INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value")
        .bind(std::string_view(holder_key))
        .bind(holder_)
        .run();
  }

  Connection& connection() override { return *connection_; }
  void inserted(const std::string& id) override { inserted_.push_back(id); }

  void transact(const std::function<void()>& body) override {
    begin();
    inserted_.clear();
    try {
      body();
    } catch (...) {
      roll_back();
      throw;
    }
    try {
      if (connection_->execute("COMMIT") == "COMMIT") return;
    } catch (const Error&) {
      if (connection_->broken()) {
        doubt();
      } else {
        roll_back();
      }
      throw;
    }
    throw Error(Code::unavailable, "cannot write " + server_->where() + ": the transaction was rolled back");
  }

  std::optional<std::chrono::milliseconds> rest_after() const override { return server_->limits().look_after_ms; }

  std::optional<std::string> rest() override {
    try {
      hold();
      connection_->execute("SELECT 1");
      return "";
    } catch (const Error& e) {
      return e.what();
    }
  }

 private:
  /// There is a connection, and it has the lock. After it was lost: a new one, when it is time for another try.
  void hold();
  void begin();
  void lock(Connection&);
  void check_holder(Connection&);
  void settle(Connection&);
  void doubt();
  void roll_back() noexcept;

  const std::shared_ptr<const Server> server_;
  const std::string holder_ = base::random_hex(16);
  postgres::Backoff backoff_;
  std::unique_ptr<Connection> connection_;
  std::vector<std::string> inserted_;  ///< in this transaction
  std::vector<std::string> doubtful_;  ///< recorded or not: the server went away over the commit
};

void PostgresWriter::hold() {
  if (connection_ && !connection_->broken()) return;
  connection_.reset();
  backoff_.check();
  try {
    auto fresh = server_->connect(Server::Use::write);
    lock(*fresh);
    check_holder(*fresh);
    settle(*fresh);
    connection_ = std::move(fresh);
  } catch (const Error& e) {
    backoff_.failed(e);
    throw;
  }
  backoff_.succeeded();
  log::info("connected to " + server_->where() + " again");
}

/// That a connection was cut is seen when it is used: nothing is lost by then.
void PostgresWriter::begin() {
  hold();
  try {
    connection_->execute("BEGIN");
    return;
  } catch (const Error&) {
    if (!connection_->broken()) throw;
  }
  hold();
  connection_->execute("BEGIN");
}

void PostgresWriter::lock(Connection& connection) {
  {
    auto row = connection.statement("SELECT coalesce(current_schema(), '')");
    if (!row.step() || row.view(0).empty())
      throw Error(Code::failed_precondition,
                  server_->where() + " has none of the schemas that search_path names: make one with CREATE SCHEMA");
  }
  try {
    connection.statement(take_lock).run();
    return;
  } catch (const Error& e) {
    if (e.reason() != "Locked") throw;
  }
  auto row = connection.statement(who_holds_it);
  const std::string who = row.step() ? row.text(0) : "a session that has just gone";
  throw Error(Code::unavailable,
              server_->where() + " is in use by another operond (" + who + "): stop it, or give this one a database or schema of its own")
      .with_reason("InUse");
}

void PostgresWriter::check_holder(Connection& connection) {
  auto row = connection.statement("SELECT value FROM meta WHERE key = $1");
  row.bind(std::string_view(holder_key));
  if (row.step() && row.text(0) == holder_) return;
  throw Error(Code::unavailable, "another operond has worked on " + server_->where() +
                                     " while this one was away from it, so that what this one remembers is no longer true: restart it")
      .with_reason("InUse");
}

/// Those who asked for these starts were told that they failed, so they must not be there when they ask again.
void PostgresWriter::settle(Connection& connection) {
  if (doubtful_.empty()) return;
  connection.execute("BEGIN");
  for (const auto& id : doubtful_) {
    connection.statement("DELETE FROM jobs WHERE id = $1").bind(id).run();
    sql::drop_pending(connection, id);
  }
  connection.execute("COMMIT");
  doubtful_.clear();
}

void PostgresWriter::doubt() {
  for (auto& id : inserted_) {
    if (doubtful_.size() < server_->limits().doubtful_max) {
      doubtful_.push_back(std::move(id));
    } else {
      log::error("a start whose commit was never answered may come back", {{"job_id", id}});
    }
  }
  inserted_.clear();
}

void PostgresWriter::roll_back() noexcept {
  if (!connection_ || connection_->broken()) return;
  try {
    connection_->execute("ROLLBACK");
  } catch (const std::exception& e) {
    log::debug("rollback", {{"error", e.what()}});  // the connection is broken then
  }
}

}  // namespace

std::shared_ptr<Store> open_postgres_store(PostgresAddress address, PostgresLimits limits) {
  auto server = std::make_shared<const Server>(std::move(address), limits);
  auto writer = std::make_unique<PostgresWriter>(server);
  auto backoff = std::make_shared<postgres::Backoff>(limits.retry_ms_min, limits.retry_ms_max);
  const auto open_reader = [server, backoff] {
    backoff->check();
    try {
      auto connection = server->connect(Server::Use::read);
      backoff->succeeded();
      return connection;
    } catch (const Error& e) {
      backoff->failed(e);
      throw;
    }
  };
  log::info("runs are kept in " + server->where());
  return std::make_shared<SqlStore<Connection>>(std::move(writer), open_reader,
                                                SqlLimits{limits.read_connections_max,
                                                          limits.read_wait_max,
                                                          limits.pages_kept_bytes_max,
                                                          {limits.writes_queued_max, limits.writes_per_commit_max}});
}

}  // namespace operon::jobs
