#include "core/jobs/postgres_server.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "core/base/files.hpp"
#include "core/jobs/postgres_library.hpp"

namespace operon::jobs::postgres {
namespace {

constexpr size_t password_file_bytes_max = 4096;

struct ParsedCloser {
  void operator()(PQconninfoOption* options) const { library().conninfoFree(options); }
};

/// Which database that is, in words without user and password. Throws for an address with a password.
std::string place_of(const std::string& connection) {
  char* words = nullptr;
  const std::unique_ptr<PQconninfoOption, ParsedCloser> parsed(library().conninfoParse(connection.c_str(), &words));
  if (words != nullptr) library().freemem(words);  // they can hold a part of what was given
  if (!parsed) {
    throw Error(Code::invalid_argument,
                "jobs.database is no PostgreSQL address; it reads as postgresql://USER@HOST:PORT/DATABASE or host=... dbname=... user=...");
  }
  std::string name, host, port;
  for (const auto* option = parsed.get(); option->keyword != nullptr; ++option) {
    const std::string_view keyword = option->keyword;
    const char* text = option->val != nullptr ? option->val : option->envvar != nullptr ? std::getenv(option->envvar) : nullptr;
    if ((keyword == "password" || keyword == "sslpassword") && option->val != nullptr) {
      throw Error(Code::invalid_argument,
                  "jobs.database holds a password, which would be seen by others: put it into a file that "
                  "jobs.database_password_file names");
    }
    if (text == nullptr) continue;
    if (keyword == "dbname") name = text;
    if (keyword == "host" || (keyword == "hostaddr" && host.empty())) host = text;
    if (keyword == "port") port = text;
  }
  return "the state database" + (name.empty() ? "" : " " + name) + " on " + (host.empty() ? "the local PostgreSQL server" : host) +
         (port.empty() ? "" : ":" + port);
}

std::string password_of(const std::filesystem::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) == 0 && (status.st_mode & (S_IRWXO | S_IWGRP)) != 0) {
    throw Error(Code::permission_denied, "jobs.database_password_file: " + file.string() +
                                             " may be read or written by others than its owner; run: chmod 600 " + file.string() +
                                             " (a mounted Secret: defaultMode: 0400)");
  }
  std::string password = base::read_file(file, password_file_bytes_max);
  password.resize(std::min(password.find_first_of("\r\n"), password.size()));
  if (password.empty()) throw Error(Code::invalid_argument, "jobs.database_password_file: " + file.string() + " is empty");
  return password;
}

std::string this_host() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return "operond";
  return "operond on " + std::string(name) + ", process " + std::to_string(::getpid());
}

std::string one_line(std::string_view text) {
  std::string line;
  for (char c : text) line += c == '\n' || c == '\t' ? ' ' : c;
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

}  // namespace

void Backoff::check() const {
  std::lock_guard lock(mutex_);
  if (!last_ || std::chrono::steady_clock::now() >= not_before_) return;
  throw Error(last_->code(), std::string(last_->what())).with_reason(std::string(last_->reason()));  // a copy of its own
}

void Backoff::failed(const Error& e) {
  std::lock_guard lock(mutex_);
  pause_ = std::clamp(2 * pause_, min_, max_);
  not_before_ = std::chrono::steady_clock::now() + pause_;
  last_ = Error(e.code(), std::string(e.what())).with_reason(std::string(e.reason()));
}

void Backoff::succeeded() {
  std::lock_guard lock(mutex_);
  pause_ = std::chrono::milliseconds(0);
  last_.reset();
}

Server::Server(PostgresAddress address, const PostgresLimits& limits)
    : address_(std::move(address)), limits_(limits), where_(place_of(address_.connection)) {}

std::unique_ptr<Connection> Server::connect(Use use) const {
  const std::string password = address_.password_file.empty() ? "" : password_of(address_.password_file);
  const std::string connect_max = std::to_string(limits_.connect_max.count());
  const std::string gone_after = std::to_string(limits_.answer_ms.count());
  const std::string name = this_host();
  // Before the address: defaults that it may replace. After it: what is not for it to say.
  std::vector<const char*> keywords{"connect_timeout", "tcp_user_timeout", "keepalives_idle", "target_session_attrs", "dbname"};
  std::vector<const char*> values{connect_max.c_str(), gone_after.c_str(), "10", "read-write", address_.connection.c_str()};
  if (!password.empty()) {
    keywords.push_back("password");
    values.push_back(password.c_str());
  }
  for (const auto& [keyword, value] : {std::pair{"client_encoding", "UTF8"}, std::pair{"application_name", name.c_str()}}) {
    keywords.push_back(keyword);
    values.push_back(value);
  }
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  const auto& pq = library();
  pg_conn* made = pq.connectdbParams(keywords.data(), values.data(), 1);
  if (made == nullptr) throw Error(Code::unavailable, "cannot reach " + where_ + ": no memory");
  auto connection = std::make_unique<Connection>(made, where_, ConnectionLimits{limits_.answer_ms});
  if (pq.status(made) != CONNECTION_OK) throw Error(Code::unavailable, "cannot reach " + where_ + ": " + one_line(pq.errorMessage(made)));
  pq.setNoticeProcessor(
      made, [](void*, const char*) {}, nullptr);
  const char* encoding = pq.parameterStatus(made, "server_encoding");
  if (encoding == nullptr || std::string_view(encoding) != "UTF8") {
    throw Error(Code::failed_precondition, where_ + " has the encoding " + (encoding != nullptr ? encoding : "unknown") +
                                               ": make one with ENCODING 'UTF8' TEMPLATE template0");
  }
  const auto ms = [](std::chrono::milliseconds time) { return "'" + std::to_string(time.count()) + "ms'"; };
  // Keepalives of the server's side: a host that vanished must not keep the lock for the two hours of the system's default.
  connection->execute("SET statement_timeout = " + ms(limits_.statement_ms) + "; SET lock_timeout = " + ms(limits_.lock_ms) +
                      "; SET idle_in_transaction_session_timeout = " + ms(2 * limits_.answer_ms) +
                      "; SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3" +
                      (use == Use::read ? "; SET default_transaction_read_only = on" : "") +
                      "; SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'");
  return connection;
}

}  // namespace operon::jobs::postgres
