/// Quarantine, new configuration, stop.
#include "core/metrics/metrics.hpp"
#include "tests/unit/plugin/fixture.hpp"

using namespace operon;
using namespace operon::plugin;
using namespace operon::plugin::test;
using namespace std::chrono_literals;

namespace {

CallContext within(std::chrono::milliseconds timeout) {
  return {.timeout = timeout, .request_id = {}, .job_id = {}, .user = {}, .blobs = {}};
}

}  // namespace

TEST_CASE("too many faults quarantine the instance, with the reason for all to see") {
  Host host("misbehaving", {.faults_max = 3});
  host.load();
  for (int i = 0; i < 3; ++i) CHECK(host.error("nonsense").code() == Code::internal);
  Error e = host.error("echo");
  CHECK(e.code() == Code::unavailable);
  CHECK(std::string(e.what()) ==
        "plugin instance 'one': the plugin is quarantined: faults_max: 3 times the plugin broke its contract, at last: the reply is not a "
        "JSON value");
  CHECK(host.error("metadata").code() == Code::unavailable);
  std::string reply;
  CHECK(host.one->call_no_block(host.verb("echo"), "1", reply) == Code::unavailable);
  auto collector = std::make_shared<Collector>();
  host.one->start(host.verb("metadata"), "{}", {}, collector);
  CHECK(collector->wait_end().code == Code::unavailable);
  CHECK(host.info().state == InstanceState::quarantined);
  CHECK_THAT(host.info().reason, Catch::Contains("libmisbehaving.so: faults_max"));
  CHECK(host.instances.find("one") == nullptr);
  CHECK(host.instances.offering("test.misbehaving/1").empty());
  CHECK_THAT(metrics::expose(), Catch::Contains("operon_plugin_quarantined{instance=\"one\"} 1"));
}

TEST_CASE("too many stuck calls quarantine the instance; who waits in the queue is told") {
  Host host("misbehaving", {.executor_threads_max = 2, .stuck_calls_max = 2, .stuck_after_ms = 5ms});
  host.load();
  auto one = std::make_shared<Collector>(), two = std::make_shared<Collector>(), queued = std::make_shared<Collector>();
  host.one->start(host.verb("block"), "{}", within(-1ms), one);
  host.one->start(host.verb("block"), "{}", within(-1ms), two);
  CHECK(eventually([&] { return host.call("most_inside") == R"({"status":2})"; }));
  host.one->start(host.verb("metadata"), "{}", within(-1ms), queued);
  CHECK_FALSE(queued->ended());
  CHECK(host.error("never", "{}", within(5ms)).code() == Code::deadline_exceeded);
  CHECK(host.error("never", "{}", within(5ms)).code() == Code::deadline_exceeded);
  CHECK(eventually([&] { return host.info().state == InstanceState::quarantined; }));
  Outcome outcome = queued->wait_end();
  CHECK(outcome.code == Code::unavailable);
  CHECK_THAT(outcome.error->what(), Catch::Contains("stuck_calls_max: 2 calls past their deadline"));
  host.instances.stop(100ms);
}

TEST_CASE("every number of a call is in the scrape") {
  Host host;
  host.instances.load({spec("counted")});
  auto counted = host.instances.find("counted");
  std::string reply;
  for (int i = 0; i < 5; ++i) counted->call_no_block(counted->find("test.misbehaving/1", "echo"), "1", reply);
  CHECK_THROWS_AS(counted->call(counted->find("test.misbehaving/1", "nonsense"), "{}", {}), Error);
  std::string text = metrics::expose();
  CHECK_THAT(text,
             Catch::Contains(R"(operon_plugin_calls_total{code="OK",instance="counted",interface="test.misbehaving/1",verb="echo"} 5)"));
  CHECK_THAT(
      text,
      Catch::Contains(R"(operon_plugin_calls_total{code="INTERNAL",instance="counted",interface="test.misbehaving/1",verb="nonsense"} 1)"));
  CHECK_THAT(text, Catch::Contains(R"(operon_plugin_faults_total{instance="counted"} 1)"));
  CHECK_THAT(text, Catch::Contains(R"(operon_plugin_stuck_calls{instance="counted"} 0)"));
  CHECK_THAT(text, Catch::Contains(R"(operon_plugin_late_uses_total{instance="counted"} 0)"));
  CHECK_THAT(text,
             Catch::Contains(R"(operon_plugin_call_seconds_count{instance="counted",interface="test.misbehaving/1",verb="nonsense"} 1)"));
  // A second scrape tells the same, not the double.
  CHECK_THAT(metrics::expose(),
             Catch::Contains(R"(operon_plugin_calls_total{code="OK",instance="counted",interface="test.misbehaving/1",verb="echo"} 5)"));
}

TEST_CASE("a new configuration waits for the calls in flight, and those that come meanwhile wait for it") {
  Host host;
  host.load();
  auto asleep = std::make_shared<Collector>();
  host.one->start(host.verb("host_sleep"), R"({"ms":300})", {}, asleep);
  std::thread reconfigure([&] { host.instances.reconfigure("one", R"({"number":5})"); });
  // The gate is closed once an answer that is given at once otherwise has to wait.
  auto waiting = std::make_shared<Collector>();
  CHECK(eventually([&] {
    waiting = std::make_shared<Collector>();
    host.one->start(host.verb("echo"), "2", {}, waiting);
    return !waiting->ended() || asleep->ended();
  }));
  CHECK_FALSE(asleep->ended());
  CHECK_FALSE(waiting->ended());
  reconfigure.join();
  CHECK(asleep->ended());
  CHECK(waiting->wait_end().reply == "2");
}

TEST_CASE("calls that do not end keep the old configuration in force") {
  Host host("misbehaving", {.call_timeout_ms = 50ms});
  host.load();
  auto blocked = std::make_shared<Collector>();
  host.one->start(host.verb("block"), "{}", {.timeout = 60s, .request_id = {}, .job_id = {}, .user = {}, .blobs = {}}, blocked);
  host.call("wait_inside");
  CHECK_THROWS_WITH(host.instances.reconfigure("one", "{}"),
                    "plugin instance 'one': 1 calls did not end in time for a new configuration; the old one stays");
  CHECK(host.call("echo", "1") == "1");
  host.call("release");
  CHECK(blocked->wait_end().code == Code::ok);
}

TEST_CASE("a configuration that the plugin refuses leaves the instance as it was") {
  Host host;
  host.load();
  try {
    host.instances.reconfigure("one", R"({"reject":1})");
    FAIL("accepted");
  } catch (const Error& e) {
    CHECK(e.code() == Code::failed_precondition);
    CHECK(std::string(e.what()) == "I do not like this configuration");
  }
  CHECK(host.call("echo", "1") == "1");
  CHECK_THROWS_WITH(host.instances.reconfigure("one", R"({"number":-1})"),
                    Catch::StartsWith("operon.yaml:7: configuration of plugin 'misbehaving': number: "));
  CHECK_THROWS_WITH(host.instances.reconfigure("two", "{}"), "there is no plugin instance named 'two'");
  host.instances.reconfigure("one", R"({"number":3})");
  CHECK(host.call("metadata").find("requestId") != std::string::npos);
}

TEST_CASE("a new configuration ends streams that have no end") {
  Host host;
  host.load();
  auto follower = std::make_shared<Collector>();
  host.one->start(host.verb("wait_callback"), "{}", within(-1ms), follower);
  host.instances.reconfigure("one", "{}");
  CHECK(follower->wait_end().code == Code::cancelled);
  CHECK(host.call("echo", "1") == "1");
}

TEST_CASE("a refused instance can be saved by a configuration") {
  Host host;
  host.instances.load({spec("one", "misbehaving", R"({"reject":1})")});
  CHECK(host.info().state == InstanceState::refused);
  host.instances.reconfigure("one", "{}");
  CHECK(host.info().state == InstanceState::ready);
  CHECK(host.info().reason.empty());
  CHECK(host.instances.find("one") != nullptr);
}

TEST_CASE("stop ends what pends, tells who waits, and says so ever after") {
  Host host;
  host.load();
  auto listening = std::make_shared<Collector>(), deaf = std::make_shared<Collector>();
  host.one->start(host.verb("wait_callback"), "{}", within(-1ms), listening);
  host.one->start(host.verb("never"), "{}", within(-1ms), deaf);
  auto began = std::chrono::steady_clock::now();
  host.instances.stop(10s);
  CHECK(std::chrono::steady_clock::now() - began < 5s);
  CHECK(listening->wait_end().code == Code::cancelled);
  CHECK(deaf->wait_end().code == Code::internal);  // quiesce() returned and had not ended it
  CHECK(host.info().state == InstanceState::stopped);
  CHECK(host.instances.find("one") == nullptr);
  Error e = host.error("echo");
  CHECK(e.code() == Code::unavailable);
  CHECK(std::string(e.what()) == "plugin instance 'one': the host is stopping");
  // destroy() asked the host twice, which is two late uses and two faults; the unfinished call is a third fault.
  CHECK(host.info().faults == 3);
}

TEST_CASE("a plugin that does not come back is left behind after the grace time") {
  auto host = std::make_unique<Host>();
  host->load();
  auto blocked = std::make_shared<Collector>();
  std::shared_ptr<Instance> kept = host->one;
  VerbRef release = host->verb("release");
  host->one->start(host->verb("block"), "{}", within(-1ms), blocked);
  host->call("wait_inside");
  auto began = std::chrono::steady_clock::now();
  host->instances.stop(50ms);
  CHECK(std::chrono::steady_clock::now() - began < 5s);
  CHECK(blocked->wait_end().code == Code::unavailable);
  host.reset();  // the library and what belongs to the stuck thread stay
  CHECK_THROWS_AS(kept->call(release, "{}", {}), Error);
}
