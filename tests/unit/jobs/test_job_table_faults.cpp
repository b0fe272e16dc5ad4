#include <catch2/catch.hpp>

#include "broken_store.hpp"

using namespace operon;
using namespace operon::jobs;
using namespace operon::jobs::testing;

namespace {

const std::string id_a = "aaaaaaaa-0000-4000-8000-000000000001";

/// Holds whoever passes, from when it is closed until it is opened; opened at the latest with the test's end.
class Gate {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    ++inside_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  bool wait_inside(int many) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30), [&] { return inside_ >= many; });
  }
  void open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  ~Gate() { open(); }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int inside_ = 0;
  bool open_ = false;
};

/// Opens it before what waits in it is taken down.
struct Opened {
  Gate& gate;
  ~Opened() { gate.open(); }
};

void end(Host& host, const std::string& id) {
  host.runner->set(id, Phase::succeeded, 0);
  host.notify(id);
}

}  // namespace

TEST_CASE("a store that cannot be written refuses new runs, stops running ones, and loses no end") {
  BrokenHost host;
  auto& runner = host.runner;
  auto& store = host.store;
  auto& table = host.table;
  table.start(command("stopped"));
  table.start(command("ended"));
  store->full = true;
  try {
    table.start(command("new"));
    FAIL("accepted a run that is not recorded");
  } catch (const Error& e) {
    CHECK(e.code() == Code::unavailable);
    CHECK(e.reason() == "DiskFull");
  }
  CHECK(runner->run("new").starts == 0);
  CHECK_FALSE(table.get("new"));
  CHECK(table.stop("stopped").job.phase == Phase::stopped);
  runner->set("ended", Phase::succeeded, 0);
  table.on_notify("fake", "job", "ended");
  REQUIRE(eventually([&] { return table.get("ended")->phase == Phase::succeeded; }));
  CHECK(store->real->not_ended().size() == 2);
  CHECK(table.trouble() == "full");
  store->full = false;
  table.wake();
  REQUIRE(eventually([&] { return store->real->not_ended().empty(); }));
  CHECK(store->real->get("ended")->job.phase == Phase::succeeded);
  CHECK(store->real->get("stopped")->job.phase == Phase::stopped);
}

TEST_CASE("a store that can be written again is found out without anybody who asks") {
  BrokenHost host;
  host.store->full = true;
  CHECK_THROWS_AS(host.table.start(command("new")), Error);
  CHECK(host.table.trouble() == "full");
  host.store->full = false;
  host.table.wake();
  CHECK(eventually([&] { return host.table.trouble().empty(); }));
}

TEST_CASE("a log that was archived and could not be recorded so does not keep its run at the runner") {
  BrokenHost host;
  host.table.start(command("a"));
  host.store->cleanup_fails = true;
  CHECK(host.table.stop("a").job.phase == Phase::stopped);
  REQUIRE(eventually([&] { return host.store->not_ended().empty(); }));
  REQUIRE(eventually([&] { return std::filesystem::exists(host.folder.path / "logs" / "a.log.zst"); }));
  host.table.wake();
  CHECK_FALSE(host.runner->run("a").destroyed);
  host.store->cleanup_fails = false;
  CHECK(eventually([&] {
    host.table.wake();
    return host.runner->run("a").destroyed;
  }));
}

TEST_CASE("a record that is removed before the table knows that its end was written takes its run from the runner, too") {
  BrokenHost host;
  host.table.start(command("a"));
  host.store->tells_nobody = true;
  host.runner->set("a", Phase::succeeded, 0);
  host.table.on_notify("fake", "job", "a");
  REQUIRE(eventually([&] { return host.store->real->get("a")->job.ended(); }));
  host.table.record_removed(*host.store->real->get("a"));
  CHECK(eventually([&] { return host.runner->run("a").destroyed; }));
}

TEST_CASE("a key of a run that ended, many requests at once: all get its answer") {
  Gate gate;
  BrokenHost host;
  Opened opened{gate};
  host.table.start(command(id_a));
  CHECK(host.table.stop(id_a).job.phase == Phase::stopped);
  REQUIRE(eventually([&] { return host.store->not_ended().empty(); }));
  host.store->before_insert = [&] { gate.pass(); };
  std::vector<std::thread> threads;
  std::atomic<int> here{0}, repeated{0}, refused{0};
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      ++here;
      try {
        repeated += host.table.start(command(id_a)).repeated ? 1 : 0;
      } catch (const Error&) {
        ++refused;
      }
    });
  }
  REQUIRE(eventually([&] { return here == 8; }));
  REQUIRE(gate.wait_inside(1));
  gate.open();
  for (auto& thread : threads) thread.join();
  CHECK(repeated == 8);
  CHECK(refused == 0);
}

TEST_CASE("a start that may yet happen is accepted: an error would make its caller start another") {
  TemporaryFolder folder;
  Host host(folder.path);
  std::atomic<int> tries{0};
  host.runner->before = [&](const std::string& verb, const std::string&) {
    if (verb == "start" && tries++ == 0) throw Error(Code::deadline_exceeded, "no answer within 30000 ms");
  };
  const auto accepted = host.table->start(command(id_a));
  CHECK(accepted.job.phase == Phase::pending);
  CHECK(accepted.job.message == "not started yet, trying again: no answer within 30000 ms");
  REQUIRE(eventually([&] {
    host.clock.advance(std::chrono::milliseconds(500));
    return host.phase(id_a) == Phase::running;
  }));
  CHECK(host.runner->run(id_a).starts == 1);
}

TEST_CASE("what a start without an answer left behind goes with the stop of its run") {
  TemporaryFolder folder;
  Host host(folder.path);
  std::atomic<bool> destroyed{false};
  host.runner->before = [&](const std::string& verb, const std::string&) {
    if (verb == "start") throw Error(Code::deadline_exceeded, "no answer within 30000 ms");
    if (verb == "destroy") destroyed = true;
  };
  host.table->start(command(id_a));
  CHECK(host.table->stop(id_a).job.message == "stopped before it started");
  CHECK(eventually([&] { return destroyed.load(); }));
}

TEST_CASE("stop_all reaches a run that is being recorded and would wait for a place") {
  JobLimits limits;
  limits.running_per_target_max = 1;
  Gate gate;
  BrokenHost host(limits);
  Opened opened{gate};
  host.table.start(command("first"));
  host.store->before_insert = [&] { gate.pass(); };
  std::thread starter([&] { host.table.start(command("second")); });
  REQUIRE(gate.wait_inside(1));
  host.table.freeze("incident", "ann");
  CHECK_THAT(host.table.stop_all(std::chrono::milliseconds(0)), Catch::VectorContains(std::string("second")));
  gate.open();
  starter.join();
  CHECK(eventually([&] { return host.table.get("second")->phase == Phase::stopped; }));
}

TEST_CASE("a runner that hangs in its starts leaves threads to the others") {
  TemporaryFolder folder;
  JobLimits limits;
  limits.running_per_target_max = 1;
  Gate gate;
  Host host(folder.path, limits);
  Opened opened{gate};
  auto hanging = std::make_shared<FakeRunner>("hanging");
  hanging->before = [&](const std::string& verb, const std::string&) {
    if (verb == "start") gate.pass();
  };
  host.runners.add(hanging);
  for (int i = 0; i < 7; ++i) {
    const std::string n = std::to_string(i);
    host.table->start(command("holds" + n, "c" + n));
    host.table->start(command("waits" + n, "c" + n, i < 6 ? "hanging" : "fake"));
  }
  for (int i = 0; i < 6; ++i) end(host, "holds" + std::to_string(i));
  REQUIRE(gate.wait_inside(4));
  end(host, "holds6");
  CHECK(eventually([&] { return host.phase("waits6") == Phase::running; }));
}

TEST_CASE("ended runs of a runner that is gone do not keep those of others from being removed") {
  TemporaryFolder folder;
  Host host(folder.path);
  const auto ended = [&](const std::string& id, const std::string& runner, int64_t end_ms) {
    JobRecord record;
    record.job = command(id, "c1", runner).job;
    record.job.phase = Phase::succeeded;
    record.job.created_unix_ms = record.job.end_unix_ms.emplace(end_ms);
    record.cleanup = Cleanup::runner;
    record.json = to_contract_json(record.job);
    host.store->insert(record, {});
  };
  const int64_t now = host.clock.unix_ms();
  for (int i = 0; i < 250; ++i) ended("gone" + std::to_string(i), "gone", now + i);
  ended("ours", "fake", now + 1000);
  host.runner->set("ours", Phase::succeeded, 0);
  host.clock.advance(std::chrono::hours(2));
  CHECK(eventually([&] {
    host.clock.advance(std::chrono::seconds(10));
    return host.runner->run("ours").destroyed;
  }));
}

TEST_CASE("a host that was taken over starts nothing and calls nothing lost; when it leads after all, both go on") {
  BrokenHost host;
  auto& table = host.table;
  table.start(command("running"));
  host.store->taken_over = true;
  const auto accepted = table.start(command(id_a));
  CHECK(accepted.job.phase == Phase::pending);
  host.runner->lose("running");
  table.on_notify("fake", "job", "running");
  REQUIRE(eventually([&] { return host.store->asked_whose >= 2; }));  // by the start, and by the look
  CHECK(host.runner->run(id_a).starts == 0);
  CHECK(table.get("running")->phase == Phase::running);

  host.store->taken_over = false;
  host.clock.advance(std::chrono::seconds(40));
  table.wake();
  CHECK(eventually([&] { return host.runner->run(id_a).starts == 1 && table.get("running")->phase == Phase::failed; }));
}
