#include "core/jobs/postgres_connection.hpp"

#include <poll.h>

#include <cerrno>
#include <cstdlib>

#include "core/jobs/postgres_library.hpp"
#include "operon/error.hpp"

namespace operon::jobs::postgres {
namespace {

// Of the server's catalogue, where they never change.
constexpr Oid type_bytes = 17, type_integer = 20, type_text = 25;
constexpr int binary = 1;

/// libpq's words, as one line.
std::string one_line(std::string_view text) {
  std::string line;
  for (char c : text) line += c == '\n' || c == '\t' ? ' ' : c;
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

std::string big_endian(int64_t value) {
  std::string bytes(8, '\0');
  for (int i = 7; i >= 0; --i, value >>= 8) bytes[static_cast<size_t>(i)] = static_cast<char>(value & 0xff);
  return bytes;
}

/// Only the server's first line is told: details of an error can hold the row.
Error error_of(const std::string& where, const std::string& state, const std::string& words) {
  const auto is = [&](std::string_view prefix) { return state.starts_with(prefix); };
  if (is("53100"))
    return Error(Code::unavailable, "cannot write " + where + ": no space left on its server (" + words + ")").with_reason("DiskFull");
  if (is("25006"))
    return Error(Code::unavailable, "cannot write " + where + ": its server is read-only (" + words + ")").with_reason("ReadOnly");
  if (is("55P03"))
    return Error(Code::unavailable, "cannot use " + where + ": another session holds it (" + words + ")").with_reason("Locked");
  if (is("42501"))
    return Error(Code::unavailable, "cannot use " + where + ": " + words + "; give the role its rights in that database")
        .with_reason("Forbidden");
  if (is("57014"))
    return Error(Code::unavailable, "cannot use " + where + ": a statement took longer than operond waits (" + words + ")")
        .with_reason("Slow");
  if (is("22")) return {Code::invalid_argument, "a value cannot be kept in " + where + ": " + words};
  return {Code::unavailable, "cannot use " + where + ": " + words};
}

}  // namespace

void ResultCloser::operator()(pg_result* result) const {
  library().clear(result);
}

Statement::~Statement() {
  row_.reset();
  if (turn_ != 0) connection_.finish(turn_);
}

Statement& Statement::bind(std::string_view text) {
  parameters_.push_back({type_text, std::string(text)});
  return *this;
}

Statement& Statement::bind(int64_t value) {
  parameters_.push_back({type_integer, big_endian(value)});
  return *this;
}

Statement& Statement::bind(const std::optional<int64_t>& value) {
  if (value) return bind(*value);
  parameters_.push_back({type_integer, std::nullopt});
  return *this;
}

Statement& Statement::bind_blob(std::string_view bytes) {
  parameters_.push_back({type_bytes, std::string(bytes)});
  return *this;
}

bool Statement::step() {
  if (turn_ == 0) {
    connection_.start(*this);
  } else if (turn_ != connection_.turn_) {
    throw Error(Code::internal, "a statement went on after the next one had begun");
  }
  row_.reset();
  if (!connection_.running_) return false;
  for (;;) {
    auto result = connection_.next();
    if (!result) return false;
    connection_.check(result);
    if (library().resultStatus(result.get()) != PGRES_SINGLE_TUPLE) continue;  // the end of the rows, or there were none
    row_ = std::move(result);
    return true;
  }
}

int64_t Statement::integer(int column) const {
  const auto bytes = view(column);
  if (bytes.empty()) return 0;  // NULL, as with SQLite
  int64_t value = static_cast<signed char>(bytes.front());
  for (const char byte : bytes.substr(1))
    value = static_cast<int64_t>(static_cast<uint64_t>(value) << 8U | static_cast<unsigned char>(byte));
  return value;
}

std::string_view Statement::view(int column) const {
  const auto& pq = library();
  if (!row_ || pq.getisnull(row_.get(), 0, column) != 0) return {};
  return {pq.getvalue(row_.get(), 0, column), static_cast<size_t>(pq.getlength(row_.get(), 0, column))};
}

Connection::Connection(pg_conn* made, std::string where, ConnectionLimits limits) : conn_(made), where_(std::move(where)), limits_(limits) {
  library().setnonblocking(conn_, 1);
}

Connection::~Connection() {
  library().finish(conn_);
}

bool Connection::broken() const {
  return broken_ || library().status(conn_) != CONNECTION_OK;
}

std::string Connection::execute(const std::string& sql) {
  finish(turn_);
  ++turn_;
  running_ = true;
  send(library().sendQuery(conn_, sql.c_str()));
  std::string called;
  while (auto result = next()) {
    check(result);
    called = library().cmdStatus(result.get());
  }
  return called;
}

void Connection::start(Statement& statement) {
  finish(turn_);
  auto known = prepared_.find(statement.sql_);
  if (known == prepared_.end()) {
    const std::string name = "operon" + std::to_string(prepared_.size());
    prepare(statement, name);
    known = prepared_.emplace(statement.sql_, name).first;
  }
  std::vector<const char*> values;
  std::vector<int> lengths;
  for (const auto& parameter : statement.parameters_) {
    values.push_back(parameter.bytes ? parameter.bytes->data() : nullptr);
    lengths.push_back(parameter.bytes ? static_cast<int>(parameter.bytes->size()) : 0);
  }
  const std::vector<int> formats(values.size(), binary);
  statement.turn_ = ++turn_;
  running_ = true;
  changes_ = 0;
  send(library().sendQueryPrepared(conn_, known->second.c_str(), static_cast<int>(values.size()), values.data(), lengths.data(),
                                   formats.data(), binary));
  library().setSingleRowMode(conn_);
}

void Connection::prepare(const Statement& statement, const std::string& name) {
  std::vector<Oid> types;
  for (const auto& parameter : statement.parameters_) types.push_back(parameter.type);
  ++turn_;
  running_ = true;
  send(library().sendPrepare(conn_, name.c_str(), statement.sql_.c_str(), static_cast<int>(types.size()), types.data()));
  while (auto result = next()) check(result);
}

void Connection::send(int sent) {
  const auto& pq = library();
  if (sent == 0) lost(pq.errorMessage(conn_));
  for (;;) {
    const int left = pq.flush(conn_);
    if (left == 0) return;
    if (left < 0) lost(pq.errorMessage(conn_));
    wait_for(POLLIN | POLLOUT);
    if (pq.consumeInput(conn_) == 0) lost(pq.errorMessage(conn_));
  }
}

/// Null: the statement is over.
Result Connection::next() {
  const auto& pq = library();
  while (pq.isBusy(conn_) != 0) {
    wait_for(POLLIN);
    if (pq.consumeInput(conn_) == 0) lost(pq.errorMessage(conn_));
  }
  Result result(pq.getResult(conn_));
  if (!result) running_ = false;
  return result;
}

void Connection::wait_for(short events) {
  const auto until = std::chrono::steady_clock::now() + limits_.answer_ms;
  for (;;) {
    pollfd place{library().socket(conn_), events, 0};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
    const int ready = left > 0 ? ::poll(&place, 1, static_cast<int>(left)) : 0;
    if (ready > 0) return;
    if (ready == 0) lost("it has not answered for " + std::to_string(limits_.answer_ms.count()) + " ms");
    if (errno != EINTR) lost("its socket cannot be waited for");
  }
}

/// What is left of the last statement is read and thrown away; a connection that cannot even do that is broken.
void Connection::finish(uint64_t turn) {
  if (!running_ || turn != turn_) return;
  try {
    while (next()) {
    }
  } catch (const Error&) {
    broken_ = true;
    running_ = false;
  }
}

void Connection::check(const Result& result) {
  const auto& pq = library();
  const auto status = pq.resultStatus(result.get());
  if (status == PGRES_SINGLE_TUPLE || status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
    if (status == PGRES_COMMAND_OK) changes_ = std::strtoll(pq.cmdTuples(result.get()), nullptr, 10);
    return;
  }
  const auto field = [&](int which) {
    const char* text = pq.resultErrorField(result.get(), which);
    return text != nullptr ? std::string(text) : std::string();
  };
  const std::string state = field(PG_DIAG_SQLSTATE);
  std::string words = one_line(field(PG_DIAG_MESSAGE_PRIMARY));
  // The server is going, has become another's standby, or the rest of the answer will never come.
  if (state.starts_with("57P") || state.starts_with("25006") || pq.status(conn_) != CONNECTION_OK) broken_ = true;
  if (words.empty()) words = one_line(pq.errorMessage(conn_));
  if (!broken_) finish(turn_);
  throw error_of(where_, state, words);
}

void Connection::lost(const std::string& why) {
  broken_ = true;
  running_ = false;
  throw Error(Code::unavailable, "the connection to " + where_ + " is lost: " + one_line(why));
}

}  // namespace operon::jobs::postgres
