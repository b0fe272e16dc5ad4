/// What a store in PostgreSQL does when connections break, the server goes away and comes back, or stands still.
#include <catch2/catch.hpp>
#include <set>
#include <thread>

#include "answer_eater.hpp"
#include "core/jobs/postgres_store.hpp"
#include "fake_runner.hpp"
#include "operon/error.hpp"
#include "postgres_fixture.hpp"
#include "store_fixture.hpp"

using namespace operon;
using namespace operon::jobs;
using std::chrono::milliseconds;
using testing::eventually;
using testing::postgres_address;
using testing::record;
using testing::request;

namespace {

PostgresLimits quick() {
  PostgresLimits limits;
  limits.look_after_ms = milliseconds(50);
  limits.retry_ms_min = milliseconds(20);
  limits.retry_ms_max = milliseconds(100);
  limits.lock_ms = milliseconds(300);
  return limits;
}

bool refused(Store& store, const std::string& id) {
  try {
    store.insert(record(id, 1), request(id));
    return false;
  } catch (const Error& e) {
    CHECK(e.code() == Code::unavailable);
    return true;
  }
}

}  // namespace

TEST_CASE("postgresql: connections that were cut are made anew, and nobody notices") {
  testing::TemporaryFolder folder;
  auto limits = quick();
  limits.look_after_ms = std::chrono::hours(1);
  auto store = open_postgres_store(postgres_address(folder.path), limits);
  CHECK(store->insert(record("a", 1), request("a")));
  CHECK(store->get("a"));
  for (int i = 0; i < 3; ++i) {
    testing::cut_connections();
    CHECK(store->get("a"));
    CHECK(store->insert(record("b" + std::to_string(i), 1), request("b")));
  }
  CHECK(store->trouble().empty());
  CHECK(store->not_ended().size() == 4);
}

TEST_CASE("postgresql: a server that goes away is told and waited for, with no write to wake anybody") {
  testing::TemporaryFolder folder;
  auto store = open_postgres_store(postgres_address(folder.path), quick());
  CHECK(store->insert(record("a", 1), request("a")));
  testing::control_server("stop");
  CHECK(eventually([&] { return !store->trouble().empty(); }));
  CHECK_THAT(store->trouble(), Catch::Contains("the state database operon on /tmp/"));
  CHECK(refused(*store, "b"));
  try {
    store->get("a");
    FAIL("read from nowhere");
  } catch (const Error& e) {
    CHECK(e.code() == Code::unavailable);
    CHECK_THAT(e.what(), Catch::Contains("the state database operon on /tmp/"));
  }
  testing::control_server("start");
  CHECK(eventually([&] { return store->trouble().empty(); }));
  CHECK(eventually([&] { return !refused(*store, "b"); }));
  CHECK(eventually([&] {
    try {
      return store->get("a").has_value();
    } catch (const Error&) {
      return false;
    }
  }));
}

TEST_CASE("postgresql: over a crash of the server, what was promised is there, and what was refused can be asked for again") {
  testing::TemporaryFolder folder;
  auto store = open_postgres_store(postgres_address(folder.path), quick());
  std::atomic<bool> enough{false};
  std::mutex mutex;
  std::set<std::string> kept, failed;
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; !enough; ++i) {
        const std::string id = "j" + std::to_string(t) + "-" + std::to_string(i);
        bool made = false;
        try {
          made = store->insert(record(id, i), request(id));
        } catch (const Error&) {
        }
        std::lock_guard lock(mutex);
        (made ? kept : failed).insert(id);
      }
    });
  }
  const auto count = [&] {
    std::lock_guard lock(mutex);
    return kept.size();
  };
  REQUIRE(eventually([&] { return count() > 100; }));
  testing::control_server("restart");
  const size_t before = count();
  CHECK(eventually([&] { return count() > before + 100; }));
  enough = true;
  for (auto& thread : threads) thread.join();
  CHECK_FALSE(failed.empty());
  CHECK(store->trouble().empty());
  std::set<std::string> there;
  for (const auto& one : store->not_ended()) there.insert(one.job.id);
  CHECK(there == kept);
  const std::string again = *failed.begin();
  CHECK(store->insert(record(again, 1), request(again)));
}

TEST_CASE("postgresql: a start whose commit was never answered is not there when it is asked for again") {
  testing::TemporaryFolder folder;
  auto address = postgres_address(folder.path);
  testing::AnswerEater between(folder.path, "COMMIT");
  const std::string real = "host=" + std::filesystem::path(std::getenv("OPERON_TEST_POSTGRESQL")).string();
  auto through = address;
  through.connection.replace(through.connection.find(real), real.size(), "host=" + folder.path.string());
  auto store = open_postgres_store(through, quick());
  REQUIRE(store->insert(record("first", 1), request("first")));
  between.eat_next();
  CHECK(refused(*store, "doubtful"));
  CHECK(between.eaten());
  CHECK(testing::ask("SELECT id FROM jobs WHERE id = 'doubtful'", address.connection).size() <= 1);
  CHECK(store->insert(record("doubtful", 2), request("doubtful")));
  CHECK(store->get("doubtful")->job.created_unix_ms == 2);
  CHECK(store->pending("doubtful"));
  CHECK(store->get("first"));
}

TEST_CASE("postgresql: a server that stands still is given up, and taken up again") {
  testing::TemporaryFolder folder;
  auto limits = quick();
  limits.answer_ms = milliseconds(300);
  auto store = open_postgres_store(postgres_address(folder.path), limits);
  CHECK(store->insert(record("a", 1), request("a")));
  testing::control_server("freeze");
  const auto began = std::chrono::steady_clock::now();
  CHECK(refused(*store, "b"));
  CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(8));
  testing::control_server("thaw");
  CHECK(eventually([&] { return !refused(*store, "c"); }));
  CHECK(eventually([&] { return store->trouble().empty(); }));
}

TEST_CASE("postgresql: when another host has taken over, this one writes nothing, and says so") {
  testing::TemporaryFolder folder;
  const auto address = postgres_address(folder.path);
  auto limits = quick();
  auto blind = limits;
  blind.look_after_ms = std::chrono::hours(1);
  auto first = open_postgres_store(address, blind);
  CHECK(first->insert(record("a", 1), request("a")));
  testing::cut_connections(true);
  auto second = open_postgres_store(address, limits);
  try {
    first->insert(record("b", 1), request("b"));
    FAIL("two hosts write");
  } catch (const Error& e) {
    CHECK(e.code() == Code::unavailable);
    CHECK(e.reason() == "InUse");
    CHECK_THAT(e.what(), Catch::Contains("is in use by another operond (operond on "));
  }
  CHECK_THAT(first->trouble(), Catch::Contains("another operond"));
  CHECK_FALSE(second->get("b"));
  CHECK(second->insert(record("c", 1), request("c")));
  second.reset();
  CHECK(eventually([&] {
    CHECK(refused(*first, "d"));
    return first->trouble().find("another operond has worked on") != std::string::npos;
  }));
  CHECK_FALSE(open_postgres_store(address, limits)->get("d"));
}
