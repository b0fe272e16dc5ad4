/// core/jobs/postgres_server.hpp: where the database is, and when to try it again after it was away. For core/jobs only.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/jobs/postgres_connection.hpp"
#include "core/jobs/postgres_store.hpp"
#include "operon/error.hpp"

namespace operon::jobs::postgres {

/// Keeps a server that is away from being asked by every caller: in between, they get the last answer at once. Thread-safe.
class Backoff {
 public:
  Backoff(std::chrono::milliseconds min, std::chrono::milliseconds max) : min_(min), max_(max) {}

  /// Throws the last failure while it is too early to try again.
  void check() const;
  void failed(const Error&);
  void succeeded();

 private:
  const std::chrono::milliseconds min_, max_;
  mutable std::mutex mutex_;
  std::chrono::milliseconds pause_{0};
  std::chrono::steady_clock::time_point not_before_;
  std::optional<Error> last_;
};

/// Immutable. Thread-safe.
class Server {
 public:
  /// Throws Error(invalid_argument) when the address is none or holds a password, unavailable without libpq.
  Server(PostgresAddress, const PostgresLimits&);

  enum class Use { read, write };
  /// Connected, with its time limits set. Throws Error(unavailable | failed_precondition).
  std::unique_ptr<Connection> connect(Use) const;

  /// "the state database operon on db.example.org:5432"
  const std::string& where() const { return where_; }
  const PostgresLimits& limits() const { return limits_; }

 private:
  const PostgresAddress address_;
  const PostgresLimits limits_;
  std::string where_;
};

}  // namespace operon::jobs::postgres
