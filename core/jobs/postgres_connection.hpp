/// core/jobs/postgres_connection.hpp: one connection with its statements, as exceptions and values. For core/jobs only.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct pg_conn;
struct pg_result;

namespace operon::jobs::postgres {

class Connection;

struct ResultCloser {
  void operator()(pg_result*) const;
};
using Result = std::unique_ptr<pg_result, ResultCloser>;

/// A statement in use. Parameters are bound in order, columns count from 0. One runs at a time: the next one's first step ends it.
class Statement {
 public:
  Statement(Connection& connection, std::string_view sql) : connection_(connection), sql_(sql) {}
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement();

  Statement& bind(std::string_view text);
  Statement& bind(int64_t value);
  Statement& bind(const std::optional<int64_t>& value);
  Statement& bind_blob(std::string_view bytes);
  /// True: a row stands ready. Throws Error.
  bool step();
  void run() {
    while (step()) {
    }
  }

  int64_t integer(int column) const;
  std::string text(int column) const { return std::string(view(column)); }
  std::string_view view(int column) const;  ///< until the next step

 private:
  friend class Connection;
  struct Parameter {
    unsigned type;
    std::optional<std::string> bytes;  ///< in the binary form
  };

  Connection& connection_;
  const std::string sql_;
  std::vector<Parameter> parameters_;
  uint64_t turn_ = 0;  ///< of the connection; 0 = not run yet
  Result row_;
};

struct ConnectionLimits {
  std::chrono::milliseconds answer_ms{15000};
};

/// Used by one thread at a time.
class Connection {
 public:
  /// Takes the connection over. `where` names the database in errors.
  Connection(pg_conn* made, std::string where, ConnectionLimits limits);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// One or several commands without parameters. Returns what the server called the last one ("COMMIT").
  std::string execute(const std::string& sql);
  /// Prepared once per connection.
  Statement statement(std::string_view sql) { return {*this, sql}; }
  int64_t changes() const { return changes_; }
  /// It has failed in a way that only a new one can mend.
  bool broken() const;
  const std::string& where() const { return where_; }

 private:
  friend class Statement;

  void start(Statement&);
  Result next();
  void finish(uint64_t turn);
  void prepare(const Statement&, const std::string& name);
  void send(int sent);
  void wait_for(short events);
  void check(const Result&);
  [[noreturn]] void lost(const std::string& why);

  pg_conn* conn_;
  const std::string where_;
  const ConnectionLimits limits_;
  std::map<std::string, std::string, std::less<>> prepared_;
  uint64_t turn_ = 0;
  bool running_ = false;
  bool broken_ = false;
  int64_t changes_ = 0;
};

}  // namespace operon::jobs::postgres
