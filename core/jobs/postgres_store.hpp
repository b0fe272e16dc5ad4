/// core/jobs/postgres_store.hpp: the store in a PostgreSQL database.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "core/jobs/store.hpp"

namespace operon::jobs {

struct PostgresAddress {
  std::string connection;               ///< a URI or keyword=value text of libpq, without a password
  std::filesystem::path password_file;  ///< its first line, read anew for each connection; empty: PGPASSFILE, ~/.pgpass, or none needed
};

struct PostgresLimits {
  unsigned read_connections_max = 4;
  std::chrono::milliseconds read_wait_max{30000};  ///< for one of them
  unsigned writes_queued_max = 50000;
  unsigned writes_per_commit_max = 512;
  size_t pages_kept_bytes_max = 4 << 20;                            ///< pages of ended runs, in memory
  std::chrono::seconds connect_max{5};                              ///< to one of the hosts
  std::chrono::milliseconds statement_ms{10000};                    ///< the server gives up then
  std::chrono::milliseconds answer_ms{15000};                       ///< the server is taken for gone then
  std::chrono::milliseconds lock_ms{3000};                          ///< for the host before this one to be gone from the server
  std::chrono::milliseconds look_after_ms{2000};                    ///< without a write: then it is seen whether the server is there
  std::chrono::milliseconds retry_ms_min{100}, retry_ms_max{5000};  ///< between two tries to connect
  size_t doubtful_max = 4096;                                       ///< starts whose commit was never answered
};

/// Connects, takes the database for this host alone, brings its schema up to date. One host at a time: the connection that writes holds an
/// advisory lock, which goes with it. A server that goes away later makes reads and writes throw unavailable, until it is back.
/// Throws Error: invalid_argument when the address is none or holds a password; failed_precondition when another host works on the database
/// (naming it), a newer operon has written it or its encoding is not UTF8; unavailable when it cannot be reached or used.
std::shared_ptr<Store> open_postgres_store(PostgresAddress, PostgresLimits = {});

}  // namespace operon::jobs
