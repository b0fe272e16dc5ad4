#include "core/jobs/sqlite_connection.hpp"

#include <sqlite3.h>

#include "operon/error.hpp"

namespace operon::jobs::sqlite {
namespace {

[[noreturn]] void fail(sqlite3* db, int result, const std::string& where) {
  const int base = result & 0xff;
  const std::string detail = db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(result);
  switch (base) {
    case SQLITE_FULL:
      throw Error(Code::unavailable, "cannot write " + where + ": no space left on the device; free some and try again")
          .with_reason("DiskFull");
    case SQLITE_READONLY:
    case SQLITE_PERM:
      throw Error(Code::unavailable, "cannot write " + where + ": it or its folder is read-only (" + detail + ")").with_reason("ReadOnly");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      throw Error(Code::data_loss, "the state database " + where + " is damaged (" + detail +
                                       "): move it away to start with an empty history, or restore a copy of it");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw Error(Code::unavailable, "cannot use " + where + ": another process holds it (" + detail + ")");
    default:
      throw Error(Code::unavailable, "cannot use " + where + ": " + detail);
  }
}

}  // namespace

Statement::~Statement() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

// SQLITE_STATIC would be enough for most callers, but a temporary's view must not outlive it: texts are small, so they are copied.
Statement& Statement::bind(std::string_view text) {
  const int result =
      sqlite3_bind_text64(statement_, next_++, text.data() != nullptr ? text.data() : "", text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  if (result != SQLITE_OK) fail(sqlite3_db_handle(statement_), result, where_);
  return *this;
}

Statement& Statement::bind(int64_t value) {
  const int result = sqlite3_bind_int64(statement_, next_++, value);
  if (result != SQLITE_OK) fail(sqlite3_db_handle(statement_), result, where_);
  return *this;
}

Statement& Statement::bind(const std::optional<int64_t>& value) {
  if (value) return bind(*value);
  ++next_;  // unbound is NULL
  return *this;
}

Statement& Statement::bind_blob(std::string_view bytes) {
  const int result = sqlite3_bind_blob64(statement_, next_++, bytes.data() != nullptr ? bytes.data() : "", bytes.size(), SQLITE_TRANSIENT);
  if (result != SQLITE_OK) fail(sqlite3_db_handle(statement_), result, where_);
  return *this;
}

bool Statement::step() {
  const int result = sqlite3_step(statement_);
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  fail(sqlite3_db_handle(statement_), result, where_);
}

int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::optional<int64_t> Statement::optional_integer(int column) const {
  if (sqlite3_column_type(statement_, column) == SQLITE_NULL) return std::nullopt;
  return integer(column);
}

std::string_view Statement::view(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  const int size = sqlite3_column_bytes(statement_, column);
  return bytes != nullptr ? std::string_view(bytes, static_cast<size_t>(size)) : std::string_view();
}

std::string Statement::text(int column) const {
  return std::string(view(column));
}

Connection::Connection(const std::filesystem::path& file, bool read_only, int busy_timeout_ms) : where_(file.string()) {
  const int flags = (read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) | SQLITE_OPEN_NOMUTEX;
  const int result = sqlite3_open_v2(where_.c_str(), &db_, flags, nullptr);
  if (result != SQLITE_OK) {
    struct Closer {
      sqlite3* db;
      ~Closer() { sqlite3_close_v2(db); }
    } closer{db_};
    fail(db_, result, where_);
  }
  sqlite3_extended_result_codes(db_, 1);
  sqlite3_busy_timeout(db_, busy_timeout_ms);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
}

Connection::~Connection() {
  for (auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close_v2(db_);
}

void Connection::execute(const std::string& sql) {
  const int result = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
  if (result != SQLITE_OK) fail(db_, result, where_);
}

Statement Connection::statement(std::string_view sql) {
  auto found = statements_.find(sql);
  if (found == statements_.end()) {
    sqlite3_stmt* made = nullptr;
    const int result = sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &made, nullptr);
    if (result != SQLITE_OK) fail(db_, result, where_);
    found = statements_.emplace(std::string(sql), made).first;
  }
  return Statement(found->second, where_);
}

int64_t Connection::changes() const {
  return sqlite3_changes64(db_);
}

}  // namespace operon::jobs::sqlite
