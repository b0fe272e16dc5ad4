/// What PostgreSQL alone has to do: who may have the database, which database it may be, which address is taken.
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "core/jobs/postgres_store.hpp"
#include "fake_runner.hpp"
#include "operon/error.hpp"
#include "postgres_fixture.hpp"
#include "store_fixture.hpp"

using namespace operon;
using namespace operon::jobs;
using testing::postgres_address;
using testing::record;
using testing::request;

namespace {

Error refusal(const PostgresAddress& address, PostgresLimits limits = {}) {
  try {
    open_postgres_store(address, limits);
  } catch (const Error& e) {
    return e;
  }
  FAIL("it was opened");
  return {Code::ok, ""};
}

}  // namespace

TEST_CASE("postgresql: there is a server to test with") {
  REQUIRE(testing::has_postgres());
}

TEST_CASE("postgresql: a second host is told who the first one is, and may come when it has gone") {
  testing::TemporaryFolder folder;
  const auto address = postgres_address(folder.path);
  PostgresLimits hasty;
  hasty.lock_ms = std::chrono::milliseconds(200);
  auto first = open_postgres_store(address);
  const Error e = refusal(address, hasty);
  CHECK(e.code() == Code::failed_precondition);
  CHECK(e.reason() == "InUse");
  CHECK_THAT(e.what(), Catch::Contains("is in use by another operond (operond on ") &&
                           Catch::Contains("process " + std::to_string(getpid())) &&
                           Catch::Contains("stop it, or give this one a database or schema of its own"));
  testing::TemporaryFolder other;
  CHECK_NOTHROW(open_postgres_store(postgres_address(other.path), hasty));  // another schema is another store
  first->set_meta("a", "1");
  first.reset();
  CHECK(open_postgres_store(address)->meta("a") == "1");
}

TEST_CASE("postgresql: a newer schema is refused in words") {
  testing::TemporaryFolder folder;
  const auto address = postgres_address(folder.path);
  open_postgres_store(address).reset();
  testing::ask("INSERT INTO operon_schema VALUES (99)", address.connection);
  const Error e = refusal(address);
  CHECK(e.code() == Code::failed_precondition);
  CHECK_THAT(e.what(),
             Catch::Contains("the state database operon on /tmp/") &&
                 Catch::EndsWith(
                     "has schema version 99, this operon knows up to 1: run the newer operon, or give this one a database of its own"));
}

TEST_CASE("postgresql: a database of another encoding is refused") {
  testing::ask("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
  std::string address = testing::server_address();
  address.replace(address.find("/operon?"), 8, "/latin?");
  const Error e = refusal({address, {}});
  CHECK(e.code() == Code::failed_precondition);
  CHECK_THAT(e.what(), Catch::Contains("has the encoding LATIN1"));
}

TEST_CASE("postgresql: an address with a password is refused and not repeated, and so is one that is none") {
  for (const char* address : {"postgresql://me:canary-secret@localhost/operon", "postgresql:///operon?password=canary-secret",
                              "host=localhost password=canary-secret", "postgresql:///operon?pass%77ord=canary-secret"}) {
    INFO(address);
    const Error e = refusal({address, {}});
    CHECK(e.code() == Code::invalid_argument);
    CHECK_THAT(e.what(), Catch::Contains("jobs.database_password_file") && !Catch::Contains("canary"));
  }
  for (const char* address : {"postgresql://me:%zzcanary-secret@localhost/operon", "canary-secret", "host=a nothing=canary-secret"}) {
    const Error e = refusal({address, {}});
    CHECK(e.code() == Code::invalid_argument);
    CHECK_THAT(e.what(), Catch::StartsWith("jobs.database is no PostgreSQL address") && !Catch::Contains("canary"));
  }
}

TEST_CASE("postgresql: the password is read from its file, which is nobody else's") {
  testing::TemporaryFolder folder;
  testing::ask("CREATE ROLE guarded LOGIN PASSWORD 'canary-secret'");
  testing::ask("CREATE SCHEMA AUTHORIZATION guarded");
  std::string address = testing::server_address();
  address.replace(address.find("user=operon"), 11, "user=guarded");
  const auto file = folder.path / "password";
  std::ofstream(file) << "canary-secret\n";
  ::chmod(file.c_str(), 0644);
  CHECK_THAT(refusal({address, file}).what(), Catch::Contains("chmod 600") && Catch::Contains(file.string()));
  ::chmod(file.c_str(), 0600);
  open_postgres_store({address, file})->set_meta("a", "b");
  std::ofstream(file) << "canary-wrong\n";
  const Error wrong = refusal({address, file});
  CHECK(wrong.code() == Code::unavailable);
  CHECK_THAT(wrong.what(), Catch::Contains("password authentication failed") && !Catch::Contains("canary"));
  std::ofstream(file) << "\n";
  CHECK_THAT(refusal({address, file}).what(), Catch::Contains("is empty"));
}

TEST_CASE("postgresql: a server that is not there is named") {
  const Error e = refusal({"postgresql://me@/operon?host=/tmp/operon-no-such-server&port=5544", {}});
  CHECK(e.code() == Code::unavailable);
  CHECK_THAT(e.what(), Catch::StartsWith("cannot reach the state database operon on /tmp/operon-no-such-server:5544: ") &&
                           Catch::Contains("No such file or directory"));
}

TEST_CASE("postgresql: a schema that is not there is told") {
  const Error e = refusal({testing::server_address() + "&options=-csearch_path%3Dnowhere", {}});
  CHECK(e.code() == Code::failed_precondition);
  CHECK_THAT(e.what(), Catch::Contains("CREATE SCHEMA"));
}

TEST_CASE("postgresql: a role without rights is told so") {
  testing::ask("CREATE ROLE poor LOGIN");
  testing::ask("CREATE SCHEMA closed");
  std::string address = testing::server_address();
  address.replace(address.find("user=operon"), 11, "user=poor&options=-csearch_path%3Dclosed");
  testing::ask("GRANT USAGE ON SCHEMA closed TO poor");
  const Error e = refusal({address, {}});
  CHECK(e.code() == Code::unavailable);
  CHECK(e.reason() == "Forbidden");
  CHECK_THAT(e.what(), Catch::Contains("permission denied for schema closed") && Catch::Contains("give the role its rights"));
}

TEST_CASE("postgresql: one value changed behind its back is an error, never another run's end") {
  testing::TemporaryFolder folder;
  const auto address = postgres_address(folder.path);
  auto store = open_postgres_store(address);
  for (int i = 0; i < 20; ++i) store->insert(record("job" + std::to_string(i), i), request("x"));
  testing::ask("UPDATE jobs SET ended = 1, phase = 'Succeeded', record = replace(record, 'Pending', 'Succeeded') WHERE id = 'job7'",
               address.connection);
  CHECK_THROWS_AS(store->get("job7"), Error);
  CHECK(store->ended_page({}, 0, {})->empty());
  CHECK(store->get("job8"));
}

TEST_CASE("postgresql: a text that the server cannot keep is the caller's error, and nobody else's") {
  testing::TemporaryFolder folder;
  auto store = open_postgres_store(postgres_address(folder.path));
  auto bad = record("bad", 1);
  bad.job.scenario_name = std::string("a\0b", 3);
  try {
    store->insert(bad, request("bad"));
    FAIL("it was kept");
  } catch (const Error& e) {
    CHECK(e.code() == Code::invalid_argument);
  }
  CHECK(store->trouble().empty());
  CHECK(store->insert(record("good", 1), request("good")));
}
