#include <catch2/catch.hpp>
#include <thread>

#include "core/base/ids.hpp"
#include "core/base/manual_clock.hpp"
#include "core/targets/local_targets.hpp"
#include "tests/unit/targets/fake_provider.hpp"
#include "tests/unit/targets/temporary_folder.hpp"

using namespace operon;
using namespace operon::targets;
using namespace std::chrono_literals;

namespace {

struct Bench {
  test::TemporaryFolder folder;
  test::FakeDirectory plugins;
  base::ManualClock clock;
  TargetLimits limits;
  std::unique_ptr<Targets> targets;

  Targets& make() {
    targets.reset();
    targets = std::make_unique<LocalTargets>(plugins.directory(), file_store(folder.path()), clock, limits);
    targets->resume();
    return *targets;
  }
};

/// Fails every write.
class ReadOnlyStore final : public TargetRequestStore {
 public:
  std::vector<TargetRequest> load() override { return {}; }
  void save(const TargetRequest&) override { throw Error(Code::unavailable, "read-only file system"); }
  void remove(const std::string&) override {}
};

}  // namespace

TEST_CASE("all providers are asked, and the request completes with the last answer") {
  Bench t;
  test::make_provider(*t.plugins.add("one"), {"a"});
  test::make_provider(*t.plugins.add("two"), {"b", "c"});
  auto& targets = t.make();
  t.plugins.instances[1]->hold();

  const auto id = targets.create();
  CHECK(base::is_uuid(id));
  REQUIRE(targets.find(id));
  CHECK(targets.find(id)->status == RequestStatus::pending);
  t.plugins.instances[1]->release();

  const auto done = targets.find(id);
  REQUIRE(done);
  CHECK(done->status == RequestStatus::completed);
  CHECK(done->completed_unix_ms == t.clock.unix_ms());
  CHECK(done->target_data.at("one").size() == 1);
  CHECK(done->target_data.at("two")[1].cluster_name == "c");
  CHECK(done->conditions.empty());
  CHECK(t.plugins.instances[0]->last_timeout() == 30s);
}

TEST_CASE("without a provider nothing is made, and the message says what is missing") {
  Bench t;
  auto& targets = t.make();
  CHECK_THROWS_WITH(targets.create(),
                    "no target provider is ready: configure an instance of a plugin that offers operon.target-provider/1 under plugins:");
}

TEST_CASE("a provider that fails is named and keeps nobody waiting") {
  Bench t;
  test::make_provider(*t.plugins.add("good"), {"a"});
  t.plugins.add("bad")->on("operon.target-provider/1", "list", [](const std::string&, const test::FakeInstance::Emit&) -> std::string {
    throw Error(Code::unavailable, "hub away, password=hunter2hunter2");
  });
  t.plugins.add("slow")->on("operon.target-provider/1", "list", [](const std::string&, const test::FakeInstance::Emit&) -> std::string {
    throw Error(Code::deadline_exceeded, "deadline");
  });
  t.plugins.add("odd")->on("operon.target-provider/1", "list", [](const std::string&, const test::FakeInstance::Emit& emit) {
    emit(R"({"nonsense":1})");
    return std::string("{}");
  });
  auto& targets = t.make();
  const auto r = targets.find(targets.create());
  REQUIRE(r);
  CHECK(r->status == RequestStatus::completed);
  CHECK(r->target_data.size() == 1);
  REQUIRE(r->conditions.size() == 1);
  CHECK(r->conditions[0].type == "Partial");
  CHECK(r->conditions[0].message ==
        "bad: hub away, password=***REDACTED***; odd: target provider 'odd' answered 'list' with something that is not what the interface "
        "says; "
        "slow: did not answer within 30 s");
}

TEST_CASE("a provider that never answers is named after request_ms_max") {
  Bench t;
  test::make_provider(*t.plugins.add("good"), {"a"});
  test::make_provider(*t.plugins.add("dead"), {});
  auto& targets = t.make();
  t.plugins.instances[1]->hold();
  const auto id = targets.create();
  t.clock.advance(59'999ms);
  CHECK(targets.find(id)->status == RequestStatus::pending);
  t.clock.advance(1ms);
  const auto r = targets.find(id);
  CHECK(r->status == RequestStatus::completed);
  CHECK(r->conditions.at(0).message == "dead: did not answer within 60 s");

  t.plugins.instances[1]->release();  // too late: nothing changes any more
  CHECK(targets.find(id)->target_data.count("dead") == 0);
}

TEST_CASE("more clusters than clusters_max is a failure of that provider, not of memory") {
  Bench t;
  t.limits.clusters_max = 2;
  test::make_provider(*t.plugins.add("huge"), {"a", "b", "c"});
  auto& targets = t.make();
  const auto r = targets.find(targets.create());
  CHECK(r->target_data.empty());
  CHECK(r->conditions.at(0).message == "huge: target provider 'huge' lists more than clusters_max (2) clusters");
}

TEST_CASE("requests outlive the host, and interrupted ones are asked again") {
  Bench t;
  test::make_provider(*t.plugins.add("one"), {"a"});
  const auto done = t.make().create();
  REQUIRE(t.targets->find(done)->status == RequestStatus::completed);
  t.plugins.instances[0]->hold();
  const auto pending = t.targets->create();
  REQUIRE(t.targets->find(pending)->status == RequestStatus::pending);

  t.plugins.instances[0]->release();
  const auto asked = t.plugins.instances[0]->calls("list");
  auto& again = t.make();
  CHECK(again.find(done)->target_data.at("one").size() == 1);
  CHECK(again.find(pending)->status == RequestStatus::completed);
  CHECK(t.plugins.instances[0]->calls("list") <= asked + 1);
}

TEST_CASE("a request that was interrupted by kill -9 completes after the restart") {
  Bench t;
  test::make_provider(*t.plugins.add("one"), {"a"});
  t.make();
  t.plugins.instances[0]->hold();
  const auto pending = t.targets->create();

  Bench after;  // a new host on the same folder; the old one never came to save anything more
  test::make_provider(*after.plugins.add("one"), {"a", "b"});
  LocalTargets again(after.plugins.directory(), file_store(t.folder.path()), after.clock, {});
  again.resume();
  REQUIRE(again.find(pending));
  CHECK(again.find(pending)->status == RequestStatus::completed);
  CHECK(again.find(pending)->target_data.at("one").size() == 2);
}

TEST_CASE("requests expire after their last use, also across a restart") {
  Bench t;
  test::make_provider(*t.plugins.add("one"), {"a"});
  auto& targets = t.make();
  const auto used = targets.create(), unused = targets.create();
  CHECK(targets.find(used));
  CHECK(targets.find(unused));
  t.clock.advance(20h);
  CHECK(targets.find(used));
  t.clock.advance(10h);
  auto& again = t.make();
  CHECK(again.find(used));
  CHECK_FALSE(again.find(unused));
  t.clock.advance(24h);
  CHECK_FALSE(again.find(used));
  CHECK(file_store(t.folder.path())->load().empty());
}

TEST_CASE("kept_seconds_after_use 0 keeps requests for ever") {
  Bench t;
  t.limits.kept_seconds_after_use = 0;
  test::make_provider(*t.plugins.add("one"), {"a"});
  const auto id = t.make().create();
  t.clock.advance(24h * 1000);
  CHECK(t.targets->find(id));
}

TEST_CASE("at target_requests_max a request is refused until others expire") {
  Bench t;
  t.limits.target_requests_max = 2;
  test::make_provider(*t.plugins.add("one"), {"a"});
  auto& targets = t.make();
  targets.create();
  targets.create();
  try {
    targets.create();
    FAIL("the third one was made");
  } catch (const Error& e) {
    CHECK(e.code() == Code::resource_exhausted);
    CHECK(std::string(e.what()) == "target_requests_max (2) target requests are kept already; unused ones expire, or raise the limit");
  }
  t.clock.advance(25h);
  CHECK_NOTHROW(targets.create());
}

TEST_CASE("requests are made, answered and read from many threads") {
  Bench t;
  test::make_provider(*t.plugins.add("one"), {"a"});
  test::make_provider(*t.plugins.add("late"), {"b"});
  auto& targets = t.make();
  t.plugins.instances[1]->hold();
  std::vector<std::string> ids(40);
  std::vector<std::thread> callers;
  for (size_t caller = 0; caller < 4; ++caller)
    callers.emplace_back([&, caller] {
      for (size_t i = 0; i < 10; ++i) {
        const auto id = targets.create();
        targets.find(id);
        ids[caller * 10 + i] = id;
      }
    });
  for (int i = 0; i < 10; ++i) {
    t.plugins.instances[1]->release();
    t.plugins.instances[1]->hold();
  }
  for (auto& caller : callers) caller.join();
  t.plugins.instances[1]->release();
  for (const auto& id : ids) {
    const auto r = targets.find(id);
    REQUIRE(r);
    CHECK(r->status == RequestStatus::completed);
    CHECK(r->target_data.size() == 2);
  }
}

TEST_CASE("a request that cannot be saved is not made") {
  test::FakeDirectory plugins;
  test::make_provider(*plugins.add("one"), {"a"});
  base::ManualClock clock;
  LocalTargets targets(plugins.directory(), std::make_shared<ReadOnlyStore>(), clock, {});
  CHECK_THROWS_WITH(targets.create(), "read-only file system");
  CHECK(plugins.instances[0]->calls("list") == 0);
}
