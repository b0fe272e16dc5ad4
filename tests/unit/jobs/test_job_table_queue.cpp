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

TEST_CASE("a store that cannot be written refuses new runs, stops running ones, and loses no end") {
  struct Broken final : Store {
    std::shared_ptr<Store> real;
    std::atomic<bool> full{false};
    void check() const {
      if (full) throw Error(Error(Code::unavailable, "cannot write /state.db: no space left on the device").with_reason("DiskFull"));
    }
    bool insert(const JobRecord& r, const PendingRequest& p) override { return check(), real->insert(r, p); }
    void update(JobRecord r, bool d, Written w) override {
      if (full) return w(Error(Code::unavailable, "full"));
      real->update(std::move(r), d, std::move(w));
    }
    void update_now(const JobRecord& r, bool d) override { check(), real->update_now(r, d); }
    void set_cleanup(const std::string& id, Cleanup c, Written w) override {
      if (full) return w(Error(Code::unavailable, "full"));
      real->set_cleanup(id, c, std::move(w));
    }
    std::optional<JobRecord> get(std::string_view id) const override { return real->get(id); }
    std::optional<PendingRequest> pending(std::string_view id) const override { return real->pending(id); }
    std::vector<JobRecord> not_ended() const override { return real->not_ended(); }
    std::vector<PageRow> ended_page(const JobFilter& f, unsigned l, const std::optional<PageKey>& a) const override {
      return real->ended_page(f, l, a);
    }
    std::vector<JobRecord> to_clean(Cleanup c, int64_t b, unsigned l) const override { return real->to_clean(c, b, l); }
    std::vector<JobRecord> past_retention(int64_t b, uint64_t k, unsigned l) const override { return real->past_retention(b, k, l); }
    void remove(const std::vector<std::string>& ids) override { check(), real->remove(ids); }
    uint64_t revision_max() const override { return real->revision_max(); }
    std::map<Phase, uint64_t> count_ended() const override { return real->count_ended(); }
    void set_meta(const std::string& k, const std::string& v) override { check(), real->set_meta(k, v); }
    std::optional<std::string> meta(std::string_view k) const override { return real->meta(k); }
    void kv_put(const std::string&, const std::string&, const std::string&, uint64_t) override {}
    std::optional<std::string> kv_get(std::string_view, std::string_view) const override { return {}; }
    bool kv_delete(const std::string&, const std::string&) override { return false; }
    KvPage kv_list(std::string_view, std::string_view, std::string_view, unsigned) const override { return {}; }
    std::string trouble() const override { return full ? "full" : ""; }
  };
  TemporaryFolder folder;
  FakeRunners runners;
  auto runner = std::make_shared<FakeRunner>();
  runners.add(runner);
  auto store = std::make_shared<Broken>();
  store->real = open_sqlite_store(folder.path / "state.db");
  LogHub hub(folder.path / "logs", runners, {});
  base::ManualClock clock;
  JobTable table(store, runners, hub, clock, {});
  table.recover();
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
  CHECK(table.store_trouble() == "full");
  store->full = false;
  table.wake();
  REQUIRE(eventually([&] { return store->real->not_ended().empty(); }));
  CHECK(store->real->get("ended")->job.phase == Phase::succeeded);
  CHECK(store->real->get("stopped")->job.phase == Phase::stopped);
}
