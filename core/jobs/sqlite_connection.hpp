/// core/jobs/sqlite_connection.hpp: one connection with its statements, as exceptions and values. For core/jobs only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace operon::jobs::sqlite {

/// A prepared statement in use; goes back to its connection clean. Indices as in SQLite: parameters from 1, columns from 0.
class Statement {
 public:
  Statement(sqlite3_stmt* statement, const std::string& where) : statement_(statement), where_(where) {}
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
  std::optional<int64_t> optional_integer(int column) const;
  std::string text(int column) const;
  std::string_view view(int column) const;  ///< until the next step

 private:
  sqlite3_stmt* statement_;
  const std::string& where_;
  int next_ = 1;
};

/// Used by one thread at a time.
class Connection {
 public:
  /// Throws Error(unavailable | data_loss).
  Connection(const std::filesystem::path& file, bool read_only, int busy_timeout_ms);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void execute(const std::string& sql);
  /// Prepared once per connection.
  Statement statement(std::string_view sql);
  int64_t changes() const;
  bool broken() const { return false; }  ///< a file does not go away

 private:
  sqlite3* db_ = nullptr;
  std::string where_;
  std::map<std::string, sqlite3_stmt*, std::less<>> statements_;
};

}  // namespace operon::jobs::sqlite
