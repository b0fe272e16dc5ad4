/// The conformance table of stores: every engine runs it, PostgreSQL in the program that is given a server. Cases of SQLite alone stand at
/// the end.
#include <sqlite3.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <future>

#include "core/jobs/sqlite_store.hpp"
#include "core/jobs/store.hpp"
#include "fake_runner.hpp"
#include "operon/error.hpp"
#include "postgres_fixture.hpp"
#include "store_fixture.hpp"

using namespace operon;
using namespace operon::jobs;

using testing::ids;
using testing::record;
using testing::request;

namespace {

struct Engine {
  const char* name;
  std::function<std::shared_ptr<Store>(const std::filesystem::path& folder)> open;
};

const std::vector<Engine>& engines() {
  static const std::vector<Engine> all = [] {
    std::vector<Engine> made{{"sqlite", [](const std::filesystem::path& folder) { return open_sqlite_store(folder / "state.db"); }}};
    if (testing::has_postgres())
      made.push_back(
          {"postgresql", [](const std::filesystem::path& folder) { return open_postgres_store(testing::postgres_address(folder)); }});
    return made;
  }();
  return all;
}

}  // namespace

TEST_CASE("a record is inserted once and comes back whole") {
  for (const auto& engine : engines()) {
    INFO(engine.name);
    testing::TemporaryFolder folder;
    auto store = engine.open(folder.path);
    auto first = record("a", 10);
    first.handle = kinds::job_runner::Handle{2, "state"};
    first.job.exit_code = -3;
    first.job.timeout_seconds = 77;
    first.job.stop_requested = true;
    first.timed_out = true;
    CHECK(store->insert(first, request("a")));
    CHECK_FALSE(store->insert(record("a", 99), request("a")));
    store.reset();
    store = engine.open(folder.path);
    const auto back = store->get("a");
    REQUIRE(back);
    CHECK(back->job.created_unix_ms == 10);
    CHECK(back->job.exit_code == -3);
    CHECK(back->job.timeout_seconds == 77);
    CHECK(back->job.stop_requested);
    CHECK(back->timed_out);
    CHECK(back->handle->state == "state");
    CHECK(back->json == first.json);
    CHECK_FALSE(store->get("b"));
    const auto pending = store->pending("a");
    REQUIRE(pending);
    CHECK(pending->request.environment.at("TOKEN") == "canary-secret-value");
    CHECK(*pending->blobs.at("f0") == std::string("\0binary\xff", 8));
  }
}

TEST_CASE("a request goes with the update that says so") {
  for (const auto& engine : engines()) {
    testing::TemporaryFolder folder;
    auto store = engine.open(folder.path);
    store->insert(record("a", 10), request("a"));
    store->update_now(record("a", 10, Phase::running), false);
    CHECK(store->pending("a"));
    CHECK(store->not_ended().size() == 1);
    store->update_now(record("a", 10, Phase::succeeded), true);
    CHECK_FALSE(store->pending("a"));
    CHECK(store->not_ended().empty());
  }
}

TEST_CASE("a page that was read before shows what has ended, changed or gone since") {
  for (const auto& engine : engines()) {
    testing::TemporaryFolder folder;
    auto store = engine.open(folder.path);
    store->insert(record("a", 10), request("a"));
    store->update_now(record("a", 10, Phase::succeeded), true);
    CHECK(ids(*store->ended_page({}, 5, {})) == std::vector<std::string>{"a"});
    store->insert(record("b", 20), request("b"));
    CHECK(ids(*store->ended_page({}, 5, {})) == std::vector<std::string>{"a"});
    store->update_now(record("b", 20, Phase::failed), true);
    CHECK(ids(*store->ended_page({}, 5, {})) == std::vector<std::string>{"b", "a"});
    store->insert(record("c", 30), request("c"));
    std::promise<PageRows> seen;
    store->update(record("c", 30, Phase::stopped), true,
                  [&](const std::optional<Error>&) { seen.set_value(store->ended_page({}, 5, {})); });
    CHECK(ids(*seen.get_future().get()) == std::vector<std::string>{"c", "b", "a"});
    auto stopped = record("a", 10, Phase::stopped);
    stopped.json = "{\"changed\":true}";
    store->update_now(stopped, true);
    CHECK(store->ended_page({}, 5, {})->back().json == stopped.json);
    store->remove({"b"});
    CHECK(ids(*store->ended_page({}, 5, {})) == std::vector<std::string>{"c", "a"});
  }
}

TEST_CASE("ended runs are paged newest first, filters are ANDed") {
  for (const auto& engine : engines()) {
    testing::TemporaryFolder folder;
    auto store = engine.open(folder.path);
    for (int i = 0; i < 30; ++i) {
      const std::string id = "j" + std::to_string(100 + i);
      store->insert(record(id, i / 2), request(id));  // pairs with the same time
      if (i < 28) store->update_now(record(id, i / 2, i % 4 == 0 ? Phase::failed : Phase::succeeded), true);
    }
    std::vector<std::string> walked;
    std::optional<PageKey> after;
    for (;;) {
      const auto page = store->ended_page({}, 5, after);
      if (page->empty()) break;
      for (const auto& id : ids(*page)) walked.push_back(id);
      after = page->back().key;
    }
    CHECK(walked.size() == 28);
    CHECK(std::is_sorted(walked.rbegin(), walked.rend()));
    JobFilter filter;
    filter.phase = Phase::failed;
    CHECK(store->ended_page(filter, 0, {})->size() == 7);
    filter.cluster_name = "c-0";
    filter.target_id = "t-0";
    CHECK(store->ended_page(filter, 0, {})->size() == 3);
    filter.cluster_name = "c-1";
    CHECK(store->ended_page(filter, 0, {})->empty());
    filter.target_id = "t-x";
    CHECK(store->ended_page(filter, 0, {})->empty());
    CHECK(store->count_ended().at(Phase::failed) == 7);
  }
}

TEST_CASE("retention finds what is too old and what is too much") {
  for (const auto& engine : engines()) {
    testing::TemporaryFolder folder;
    auto store = engine.open(folder.path);
    for (int i = 0; i < 10; ++i) {
      const std::string id = "j" + std::to_string(i);
      store->insert(record(id, i), request(id));
      store->update_now(record(id, i, Phase::succeeded), true);
    }
    CHECK(store->past_retention(4, 100, 50).size() == 3);  // ends at 1, 2, 3
    CHECK(store->past_retention(0, 8, 50).size() == 2);
    store->remove({"j0", "j1"});
    CHECK_FALSE(store->get("j0"));
    CHECK(store->past_retention(0, 8, 50).empty());
    CHECK(store->to_clean(Cleanup::log, 1000, 50).size() == 8);
    store->set_cleanup("j5", Cleanup::none, {});
    store->set_meta("m", "1");  // behind it in the same queue
    CHECK(store->to_clean(Cleanup::log, 1000, 50).size() == 7);
  }
}

TEST_CASE("keys of instances are apart, counted and listed in order") {
  for (const auto& engine : engines()) {
    testing::TemporaryFolder folder;
    auto store = engine.open(folder.path);
    store->kv_put("a", "k1", std::string("v\0w", 3), 2);
    store->kv_put("a", "k2", "v", 2);
    CHECK_THROWS_AS(store->kv_put("a", "k3", "v", 2), Error);
    store->kv_put("a", "k2", "again", 2);
    store->kv_put("b", "k3", "v", 2);
    CHECK(store->kv_get("a", "k1") == std::string("v\0w", 3));
    CHECK(store->kv_get("a", "k2") == "again");
    CHECK_FALSE(store->kv_get("a", "k3"));
    const auto page = store->kv_list("a", "k", "", 1);
    CHECK(page.keys == std::vector<std::string>{"k1"});
    CHECK(page.more);
    CHECK(store->kv_list("a", "k", "k1", 10).keys == std::vector<std::string>{"k2"});
    CHECK(store->kv_list("a", "%", "", 10).keys.empty());
    CHECK(store->kv_delete("a", "k1"));
    CHECK_FALSE(store->kv_delete("a", "k1"));
  }
}

TEST_CASE("a thousand starts at once share their syncs, and none is lost") {
  for (const auto& engine : engines()) {
    testing::TemporaryFolder folder;
    auto store = engine.open(folder.path);
    std::vector<std::thread> threads;
    std::atomic<int> inserted{0};
    for (int t = 0; t < 16; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 25; ++i) {
          const std::string id = "j" + std::to_string(t % 8) + "-" + std::to_string(i);  // each id is tried by two threads
          if (store->insert(record(id, i), request(id))) ++inserted;
        }
      });
    }
    for (auto& thread : threads) thread.join();
    CHECK(inserted == 200);
    CHECK(store->not_ended().size() == 200);
  }
}

TEST_CASE("sqlite: files are closed to others, and a second process is refused") {
  testing::TemporaryFolder folder;
  const auto file = folder.path / "state.db";
  auto store = open_sqlite_store(file);
  store->set_meta("a", "b");
  for (const char* suffix : {"", "-wal", "-shm", ".lock"}) {
    struct stat info {};
    REQUIRE(::stat((file.string() + suffix).c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);
  }
  try {
    open_sqlite_store(file);
    FAIL("opened twice");
  } catch (const Error& e) {
    CHECK(e.code() == Code::failed_precondition);
    CHECK(std::string(e.what()) ==
          "the state database " + file.string() + " is in use by another operond: stop it, or give this one a state folder of its own");
  }
}

TEST_CASE("sqlite: a newer schema is refused in words") {
  testing::TemporaryFolder folder;
  const auto file = folder.path / "state.db";
  open_sqlite_store(file).reset();
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open(file.c_str(), &db) == SQLITE_OK);
  REQUIRE(sqlite3_exec(db, "PRAGMA user_version = 99", nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(db);
  CHECK_THROWS_WITH(
      open_sqlite_store(file),
      "the state database " + file.string() +
          " has schema version 99, this operon knows up to 1: run the newer operon, or give this one a state folder of its own");
}

TEST_CASE("sqlite: a damaged file or record is an error, never another run's end") {
  testing::TemporaryFolder folder;
  const auto file = folder.path / "state.db";
  {
    auto store = open_sqlite_store(file);
    for (int i = 0; i < 200; ++i) store->insert(record("job" + std::to_string(i), i), request("x" + std::to_string(i)));
  }
  SECTION("pages overwritten") {
    std::fstream out(file, std::ios::in | std::ios::out | std::ios::binary);
    out.seekp(4096);
    out << std::string(32768, '\x5a');
    out.close();
    try {
      open_sqlite_store(file);
      FAIL("opened a damaged database");
    } catch (const Error& e) {
      CHECK(e.code() == Code::data_loss);
    }
  }
  SECTION("one value changed behind its back") {
    sqlite3* db = nullptr;
    REQUIRE(sqlite3_open(file.c_str(), &db) == SQLITE_OK);
    REQUIRE(sqlite3_exec(
                db, "UPDATE jobs SET ended = 1, phase = 'Succeeded', record = replace(record, 'Pending', 'Succeeded') WHERE id = 'job7'",
                nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(db);
    auto store = open_sqlite_store(file);
    CHECK_THROWS_AS(store->get("job7"), Error);
    CHECK(store->ended_page({}, 0, {})->empty());
    CHECK(store->get("job8"));
  }
  SECTION("the torn end of the write-ahead log is dropped") {
    std::filesystem::path copy = folder.path / "torn.db";
    auto store = open_sqlite_store(file);
    store->set_meta("kept", "1");
    store->insert(record("torn", 1), request("torn"));
    std::filesystem::copy_file(file, copy);
    std::filesystem::copy_file(file.string() + "-wal", copy.string() + "-wal");
    std::filesystem::resize_file(copy.string() + "-wal", std::filesystem::file_size(copy.string() + "-wal") - 100);
    auto torn = open_sqlite_store(copy);
    CHECK(torn->meta("kept") == "1");
    CHECK_FALSE(torn->get("torn"));
  }
}

TEST_CASE("sqlite: secrets of a request are wiped from the file with it") {
  testing::TemporaryFolder folder;
  const auto file = folder.path / "state.db";
  {
    auto store = open_sqlite_store(file);
    store->insert(record("a", 1), request("a"));
    store->update_now(record("a", 1, Phase::running), true);
  }
  std::ifstream in(file, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  CHECK(bytes.find("canary-secret-value") == std::string::npos);
}

TEST_CASE("sqlite: secrets of a request leave the log file even when somebody reads at first") {
  testing::TemporaryFolder folder;
  const auto file = folder.path / "state.db";
  SqliteLimits limits;
  limits.tidy_after_ms = std::chrono::milliseconds(20);
  auto store = open_sqlite_store(file, limits);
  store->insert(record("a", 1), request("a"));
  sqlite3* reader = nullptr;
  REQUIRE(sqlite3_open(file.c_str(), &reader) == SQLITE_OK);
  REQUIRE(sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM jobs", nullptr, nullptr, nullptr) == SQLITE_OK);
  store->update_now(record("a", 1, Phase::running), true);
  const auto holds = [&] {
    std::ifstream in(file.string() + "-wal", std::ios::binary);
    return std::string((std::istreambuf_iterator<char>(in)), {}).find("canary-secret-value") != std::string::npos;
  };
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);  // some tries fail
  REQUIRE(testing::eventually([&] { return std::chrono::steady_clock::now() > until; }));
  CHECK(holds());
  sqlite3_exec(reader, "COMMIT", nullptr, nullptr, nullptr);
  CHECK(testing::eventually([&] { return !holds(); }));
  sqlite3_close(reader);
}

TEST_CASE("sqlite: a store that is closed leaves everything in its file, and no log file beside it") {
  testing::TemporaryFolder folder;
  const auto file = folder.path / "state.db";
  auto store = open_sqlite_store(file, {});
  store->insert(record("a", 1), request("a"));
  REQUIRE(store->get("a"));  // reading connections are open too
  store->update_now(record("a", 1, Phase::running), true);
  store.reset();
  CHECK_FALSE(std::filesystem::exists(file.string() + "-wal"));
  CHECK(open_sqlite_store(file, {})->get("a")->job.phase == Phase::running);
}
