/// tests/unit/jobs/postgres_fixture.hpp: the server that tests/harness/postgresql.py runs around this program.
#pragma once

#include <spawn.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>

#include "core/jobs/postgres_server.hpp"
#include "core/jobs/postgres_store.hpp"

namespace operon::jobs::testing {

inline bool has_postgres() {
  return std::getenv("OPERON_TEST_DATABASE") != nullptr;
}

inline std::string server_address() {
  const char* text = std::getenv("OPERON_TEST_DATABASE");
  if (text == nullptr) throw std::runtime_error("run this by: tests/harness/postgresql.py run PROGRAM (ctest does)");
  return text;
}

/// Rows of one column, as the administrator.
inline std::vector<std::string> ask(const std::string& sql, const std::string& address = server_address()) {
  const auto connection = postgres::Server(PostgresAddress{address, {}}, {}).connect(postgres::Server::Use::write);
  std::vector<std::string> rows;
  auto statement = connection->statement(sql);
  while (statement.step()) rows.push_back(statement.text(0));
  return rows;
}

/// A schema for each folder: stores of two folders know nothing of each other, as with files.
inline PostgresAddress postgres_address(const std::filesystem::path& folder) {
  const std::string schema = "t" + std::to_string(std::hash<std::string>{}(folder.string()));
  ask("CREATE SCHEMA IF NOT EXISTS " + schema);
  return {server_address() + "&options=-csearch_path%3D" + schema, {}};
}

/// Cuts the connections that hold an advisory lock (the writers), or all but our own.
inline void cut_connections(bool writers_only = false) {
  ask(std::string("SELECT pg_terminate_backend(pid, 5000)::text FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = "
                  "'client backend'") +
      (writers_only ? " AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted)" : ""));
}

/// stop, start, restart (a crash and its return), freeze, thaw.
inline void control_server(const std::string& word) {
  std::string program = std::getenv("OPERON_TEST_POSTGRESQL_CONTROL"), argument = word;
  char* const words[] = {program.data(), argument.data(), nullptr};
  pid_t child = 0;
  int status = 0;
  if (posix_spawn(&child, program.c_str(), nullptr, nullptr, words, environ) != 0 || waitpid(child, &status, 0) != child || status != 0)
    throw std::runtime_error("the server does not " + word);
}

}  // namespace operon::jobs::testing
