#include <catch2/catch.hpp>

#include "operon/error.hpp"
#include "table_fixture.hpp"

using namespace operon;
using namespace operon::jobs;
using namespace operon::jobs::testing;

namespace {

const std::string id_a = "aaaaaaaa-0000-4000-8000-000000000001";

}  // namespace

TEST_CASE("a run starts once, is seen at once, and ends as its runner says") {
  TemporaryFolder folder;
  Host host(folder.path);
  const auto accepted = host.table->start(command(id_a));
  CHECK_FALSE(accepted.repeated);
  CHECK(accepted.job.phase == Phase::running);
  CHECK(host.table->get(id_a)->pod_name() == "krkn-job-" + id_a);
  host.runner->set(id_a, Phase::failed, 3, "exit code 3");
  host.notify(id_a);
  REQUIRE(eventually([&] { return host.phase(id_a) == Phase::failed; }));
  const auto job = host.table->get(id_a);
  CHECK(job->exit_code == 3);
  CHECK(job->end_unix_ms == 1767323047000);
  const auto page = host.table->list({}, 10, "");
  CHECK(page.jobs_json == R"([{"jobId":")" + id_a +
                              R"(","targetId":"target","clusterName":"c1","scenarioName":"hello","status":"Failed","podName":"krkn-job-)" +
                              id_a +
                              R"(","startTime":"2026-01-02T03:04:06Z","completionTime":"2026-01-02T03:04:07Z","message":"exit code 3"}])");
  CHECK(eventually([&] { return !host.store->pending(id_a); }));
  host.runner->set(id_a, Phase::succeeded);  // an end is latched
  host.notify(id_a);
  CHECK(host.phase(id_a) == Phase::failed);
}

TEST_CASE("one idempotency key, a hundred requests at once: one run, one answer") {
  TemporaryFolder folder;
  Host host(folder.path);
  std::vector<std::thread> threads;
  std::atomic<int> first{0}, repeated{0};
  for (int i = 0; i < 100; ++i) {
    threads.emplace_back([&] { host.table->start(command(id_a)).repeated ? ++repeated : ++first; });
  }
  for (auto& thread : threads) thread.join();
  CHECK(first == 1);
  CHECK(repeated == 99);
  CHECK(host.runner->run(id_a).starts == 1);
  auto other = command(id_a);
  other.job.digest = "another";
  CHECK_THROWS_WITH(host.table->start(other),
                    "this idempotency key belongs to run " + id_a + ", which was asked for with other values: use another key");
}

TEST_CASE("a key of a run that ended long ago still answers with that run") {
  TemporaryFolder folder;
  Host host(folder.path);
  host.table->start(command(id_a));
  host.runner->set(id_a, Phase::succeeded, 0);
  host.notify(id_a);
  REQUIRE(eventually([&] { return host.phase(id_a) == Phase::succeeded && !host.store->not_ended().size(); }));
  const auto again = host.table->start(command(id_a));
  CHECK(again.repeated);
  CHECK(again.job.phase == Phase::succeeded);
  CHECK(host.runner->run(id_a).starts == 1);
}

TEST_CASE("what a runner refuses ends Failed and is told") {
  TemporaryFolder folder;
  Host host(folder.path);
  host.runner->before = [](const std::string& verb, const std::string&) {
    if (verb == "start") throw Error(Code::failed_precondition, "argument 2 is illegal");
  };
  CHECK_THROWS_WITH(host.table->start(command(id_a)), "argument 2 is illegal");
  CHECK(host.phase(id_a) == Phase::failed);
  CHECK(host.table->get(id_a)->message == "could not be started: argument 2 is illegal");
  auto lost = command("bbbb", "c1", "nobody");
  CHECK_THROWS_WITH(host.table->start(lost), "runner 'nobody' is not ready: see /operon/v1/plugins");
  CHECK(host.phase("bbbb") == Phase::failed);
}

TEST_CASE("a start whose answer was lost is adopted, not repeated") {
  TemporaryFolder folder;
  Host host(folder.path);
  std::atomic<bool> after{false};
  host.runner->before = [&](const std::string& verb, const std::string& id) {
    if (verb != "start" || after.exchange(true)) return;
    host.runner->set(id, Phase::running);  // it did start
    throw Error(Code::deadline_exceeded, "no answer");
  };
  const auto accepted = host.table->start(command(id_a));
  CHECK(accepted.job.phase == Phase::running);
}

TEST_CASE("a busy runner is asked again, the accepted run is not lost") {
  TemporaryFolder folder;
  Host host(folder.path);
  std::atomic<int> tries{0};
  host.runner->before = [&](const std::string& verb, const std::string&) {
    if (verb == "start" && tries++ < 2) throw Error(Code::resource_exhausted, "256 calls wait");
  };
  CHECK(host.table->start(command(id_a)).job.message == "not started yet, trying again: 256 calls wait");
  REQUIRE(eventually([&] {
    host.clock.advance(std::chrono::milliseconds(500));
    return host.phase(id_a) == Phase::running;
  }));
  CHECK(host.runner->run(id_a).starts == 1);
}

TEST_CASE("stop is latched, idempotent and true to an end that came before") {
  TemporaryFolder folder;
  Host host(folder.path);
  CHECK_THROWS_WITH(host.table->stop("nothing"), "Job with ID 'nothing' not found");
  host.table->start(command(id_a));
  auto stopped = host.table->stop(id_a);
  CHECK(stopped.confirmed);
  CHECK_FALSE(stopped.was_ended);
  CHECK(stopped.job.phase == Phase::stopped);
  stopped = host.table->stop(id_a);
  CHECK(stopped.confirmed);
  CHECK_FALSE(stopped.was_ended);
  CHECK(host.runner->run(id_a).stops == 1);
  REQUIRE(eventually([&] { return host.runner->run(id_a).destroyed; }));

  host.table->start(command("b"));
  host.runner->set("b", Phase::succeeded, 0);
  host.notify("b");
  REQUIRE(eventually([&] { return host.phase("b") == Phase::succeeded; }));
  stopped = host.table->stop("b");
  CHECK(stopped.was_ended);
  CHECK(stopped.job.phase == Phase::succeeded);
  REQUIRE(eventually([&] { return host.runner->run("b").destroyed; }));
  CHECK(host.phase("b") == Phase::succeeded);
}

TEST_CASE("a stop that is not confirmed in time stays latched and is asked again") {
  TemporaryFolder folder;
  JobLimits limits;
  limits.stop_answer_ms = std::chrono::milliseconds(20);
  Host host(folder.path, limits);
  host.table->start(command(id_a));
  std::atomic<int> tries{0};
  host.runner->before = [&](const std::string& verb, const std::string&) {
    if (verb != "stop") return;
    if (++tries == 1) throw Error(Code::unavailable, "the API server is away");
    if (tries == 2) throw Error(Code::deadline_exceeded, "DELETE /pods/a: no complete answer within 10000 ms");
    if (tries == 3) throw Error(Code::deadline_exceeded, "no answer within 35000 ms").with_reason(plugin::no_answer_reason);
  };
  const auto stopped = host.table->stop(id_a);
  CHECK_FALSE(stopped.confirmed);
  CHECK(stopped.job.phase == Phase::running);
  const auto says = [&](int after_tries, const std::string& why) {
    return eventually([&] {
      if (tries < after_tries) host.clock.advance(std::chrono::milliseconds(500));
      return host.table->get(id_a)->message == "being stopped; the runner has not confirmed it yet: " + why;
    });
  };
  REQUIRE(says(1, "the API server is away"));
  REQUIRE(says(2, "DELETE /pods/a: no complete answer within 10000 ms"));
  REQUIRE(says(3, "no answer within 35 s. What undoes the run may still be at work (the run's log tells); the runner is asked again"));
  REQUIRE(eventually([&] {
    host.clock.advance(std::chrono::milliseconds(500));
    return host.phase(id_a) == Phase::stopped;
  }));
  CHECK(tries == 4);
}

TEST_CASE("a run that its runner lost is Failed, and says so") {
  TemporaryFolder folder;
  Host host(folder.path);
  host.table->start(command(id_a));
  host.runner->lose(id_a);
  host.clock.advance(std::chrono::seconds(60));  // nobody notified: the resync finds it
  REQUIRE(eventually([&] { return host.phase(id_a) == Phase::failed; }));
  CHECK(host.table->get(id_a)->message == "the run was lost: runner 'fake' knows nothing of it any more");
}

TEST_CASE("the table ends a run that its runner lets run past its time") {
  TemporaryFolder folder;
  Host host(folder.path);
  auto timed = command(id_a);
  timed.job.timeout_seconds = 60;
  host.table->start(timed);
  host.clock.advance(std::chrono::seconds(61));
  CHECK(host.phase(id_a) == Phase::running);
  host.clock.advance(std::chrono::seconds(60));
  REQUIRE(eventually([&] { return host.phase(id_a) == Phase::failed; }));
  CHECK(host.table->get(id_a)->message == "ran longer than its time limit of 60 s and was stopped");
}

TEST_CASE("a restarted table takes runs up, enforces stops, and starts what never started") {
  TemporaryFolder folder;
  {
    Host host(folder.path);
    host.table->start(command("running"));
    host.table->start(command("ended"));
    host.table->start(command("lost"));
    host.runner->set("ended", Phase::succeeded, 0);
    host.runner->lose("lost");
    std::filesystem::remove(folder.path / "runner" / "lost");
    JobRecord record;
    record.job = command("never").job;
    record.json = to_contract_json(record.job);
    host.store->insert(record, {command("never").request, {}});
  }
  Host host(folder.path);
  CHECK(host.phase("running") == Phase::running);
  CHECK(host.phase("ended") == Phase::succeeded);
  CHECK(host.phase("lost") == Phase::failed);
  CHECK(eventually([&] { return host.phase("never") == Phase::running; }));
  CHECK(host.runner->run("running").starts == 1);
  CHECK(host.runner->run("never").starts == 1);
}

TEST_CASE("runs of a runner that is not there wait for it") {
  TemporaryFolder folder;
  { Host(folder.path).table->start(command(id_a)); }
  Host host(folder.path, {}, false);
  CHECK(host.phase(id_a) == Phase::running);
  CHECK(host.table->get(id_a)->message == "runner 'fake' is not ready: what became of this run is not known until it is");
  host.runner->set(id_a, Phase::succeeded, 0);
  host.runners.add(host.runner);
  host.notify(id_a);
  REQUIRE(eventually([&] { return host.phase(id_a) == Phase::succeeded; }));
}

TEST_CASE("events are numbered on over restarts, and a gap in them is told") {
  TemporaryFolder folder;
  uint64_t last = 0;
  {
    Host host(folder.path);
    std::atomic<int> told{0};
    const auto subscription = host.table->subscribe([&] { ++told; });
    const uint64_t before = host.table->revision();
    host.table->start(command(id_a));
    CHECK(told > 0);
    const auto events = host.table->events_after(before, 100);
    REQUIRE(events);
    REQUIRE(events->size() == 2);
    CHECK(events->back().job_json->find(R"("status":"Running")") != std::string::npos);
    CHECK_FALSE(host.table->events_after(before + 1000, 10));
    CHECK(host.table->events_after(before, 1)->size() == 1);
    last = host.table->revision();
  }
  Host host(folder.path);
  CHECK(host.table->revision() >= last);
  REQUIRE(host.table->events_after(last, 10));
  CHECK_FALSE(host.table->events_after(last - 1, 10));
}

TEST_CASE("frozen: nothing starts, over a restart too, and whoever asks is told why") {
  TemporaryFolder folder;
  {
    Host host(folder.path);
    host.table->freeze("incident 7", "ann");
    CHECK_THROWS_WITH(host.table->start(command(id_a)), "frozen by ann: incident 7; no run starts until `operonctl unfreeze`");
    CHECK_FALSE(host.table->get(id_a));
  }
  Host host(folder.path);
  CHECK(host.table->frozen().frozen);
  CHECK(host.table->frozen().reason == "incident 7");
  CHECK(host.table->frozen().user == "ann");
  host.table->unfreeze("bob");
  CHECK(host.table->start(command(id_a)).job.phase == Phase::running);
}

TEST_CASE("ended runs go past their age, with their logs and their runner's copy") {
  TemporaryFolder folder;
  JobLimits limits;
  limits.kept_seconds_max = 3600;
  Host host(folder.path, limits);
  host.table->start(command(id_a));
  host.runner->write(id_a, "bytes\n");
  host.runner->set(id_a, Phase::succeeded, 0);
  host.notify(id_a);
  REQUIRE(eventually([&] { return std::filesystem::exists(folder.path / "logs" / (id_a + ".log.zst")); }));
  host.clock.advance(std::chrono::hours(2));
  REQUIRE(eventually([&] {  // the first look may come before its end is in the store
    host.clock.advance(std::chrono::seconds(1));
    return !host.table->get(id_a);
  }));
  CHECK(eventually([&] { return host.runner->run(id_a).destroyed; }));
  CHECK_FALSE(std::filesystem::exists(folder.path / "logs" / (id_a + ".log.zst")));
}
