#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "operon/error.hpp"
#include "table_fixture.hpp"

using namespace operon;
using namespace operon::jobs;
using namespace operon::jobs::testing;

TEST_CASE("runs wait for a place at their target and say where they stand") {
  TemporaryFolder folder;
  JobLimits limits;
  limits.running_per_target_max = 2;
  limits.queued_max = 3;
  Host host(folder.path, limits);
  for (const char* id : {"r1", "r2", "q1", "q2", "q3"}) host.table->start(command(id));
  CHECK(host.phase("q1") == Phase::pending);
  CHECK(host.table->get("q3")->message == "waiting: 3rd in line for target c1, 2 runs may run there at once");
  CHECK(host.table->list({}, 0, "").jobs_json.find("1st in line for target c1") != std::string::npos);
  CHECK_THROWS_WITH(host.table->start(command("q4")), "3 runs wait already (queued_max): try again later");
  CHECK_FALSE(host.table->get("q4"));
  CHECK(host.table->start(command("other", "c2")).job.phase == Phase::running);
  CHECK(host.table->stop("q1").job.phase == Phase::stopped);
  CHECK(host.table->get("q1")->message == "stopped before it started");
  CHECK(host.runner->run("q1").starts == 0);
  CHECK(host.table->get("q2")->message == "waiting: 1st in line for target c1, 2 runs may run there at once");
  host.runner->set("r1", Phase::succeeded, 0);
  host.notify("r1");
  REQUIRE(eventually([&] { return host.phase("q2") == Phase::running; }));
  CHECK(host.phase("q3") == Phase::pending);
}

TEST_CASE("what waited goes on waiting after a restart, and starts in order") {
  TemporaryFolder folder;
  JobLimits limits;
  limits.running_per_target_max = 1;
  {
    Host host(folder.path, limits);
    for (const char* id : {"a", "b", "c"}) {
      host.table->start(command(id));
      host.clock.advance(std::chrono::milliseconds(10));
    }
  }
  Host host(folder.path, limits);
  CHECK(host.phase("a") == Phase::running);
  CHECK(host.runner->starts() == 1);
  host.runner->set("a", Phase::succeeded, 0);
  host.notify("a");
  REQUIRE(eventually([&] { return host.phase("b") == Phase::running; }));
  CHECK(host.phase("c") == Phase::pending);
  CHECK(host.runner->starts() == 2);
}

TEST_CASE("stop_all ends running and waiting runs alike and names who did not confirm") {
  TemporaryFolder folder;
  JobLimits limits;
  limits.running_per_target_max = 5;
  Host host(folder.path, limits);
  for (int i = 0; i < 20; ++i) host.table->start(command("j" + std::to_string(i)));
  host.runner->stops_answer = false;
  host.table->freeze("stop it all", "ann");
  const auto left = host.table->stop_all(std::chrono::milliseconds(50));
  CHECK(left.size() == 5);
  host.runner->answer_stops();
  REQUIRE(eventually([&] { return host.store->not_ended().empty(); }));
  CHECK(host.runner->starts() == 5);
  CHECK(host.table->stop_all(std::chrono::milliseconds(50)).empty());
}

TEST_CASE("what a freeze is stored as comes back, and what makes no sense holds runs back") {
  const Freeze freeze{true, "release day", "ann", 1767323045678};
  CHECK(freeze_of(freeze_text(freeze)) == freeze);
  CHECK(freeze_of(std::nullopt) == Freeze{});
  for (const char* text : {"", "{", "[]", "{}", R"({"frozen":"yes"})", R"({"frozen":true,"since":"today"})", "null"}) {
    INFO(text);
    const Freeze read = freeze_of(text);
    CHECK(read.frozen);
    CHECK(who_froze(read) == "frozen: what is stored of a freeze makes no sense; unfreezing writes it anew");
  }
}

TEST_CASE("pages of memory and store join without a gap or a double") {
  TemporaryFolder folder;
  JobLimits limits;
  limits.running_per_target_max = 100;
  Host host(folder.path, limits);
  for (int i = 0; i < 40; ++i) {
    const std::string id = "j" + std::to_string(100 + i);
    host.table->start(command(id, i % 2 == 0 ? "even" : "odd"));
    host.clock.advance(std::chrono::milliseconds(1));
    if (i % 3 != 0) continue;
    host.runner->set(id, Phase::succeeded, 0);
    host.notify(id);
    REQUIRE(eventually([&] { return host.phase(id) == Phase::succeeded; }));
  }
  const auto walk = [&](const JobFilter& filter, unsigned limit) {
    std::vector<std::string> ids;
    std::string token;
    do {
      const auto page = host.table->list(filter, limit, token);
      for (const auto& job : nlohmann::json::parse(page.jobs_json)) ids.push_back(job["jobId"]);
      token = page.continue_token;
    } while (!token.empty());
    return ids;
  };
  const auto all = walk({}, 0);
  CHECK(all.size() == 40);
  CHECK(std::is_sorted(all.rbegin(), all.rend()));
  for (const unsigned limit : {1u, 3u, 7u, 40u, 41u}) CHECK(walk({}, limit) == all);
  JobFilter filter;
  filter.phase = Phase::succeeded;
  CHECK(walk(filter, 4).size() == 14);
  filter.cluster_name = "odd";
  CHECK(walk(filter, 4).size() == 7);
  filter.phase = Phase::pending;
  CHECK(host.table->list(filter, 5, "").jobs_json == "[]");
  for (const char* token : {"x", "!!!!", "MTIz", "LTEuYQ", "MS4uLi8"}) {
    INFO(token);
    CHECK_THROWS_WITH(host.table->list({}, 5, token), "`continue` is not a token that this server gave: list again from the start");
  }
}
