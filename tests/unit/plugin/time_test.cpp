/// Deadlines, cancellation, and handles that are used after their end.
#include "tests/unit/plugin/fixture.hpp"

using namespace operon;
using namespace operon::plugin;
using namespace operon::plugin::test;
using namespace std::chrono_literals;

namespace {

CallContext within(std::chrono::milliseconds timeout) {
  return {.timeout = timeout, .request_id = {}, .job_id = {}, .user = {}, .blobs = {}};
}

const InstanceLimits soon_stuck{.stuck_after_ms = 5ms};

}  // namespace

TEST_CASE("a deadline frees the waiter; the call is stuck until the plugin ends it") {
  Host host("misbehaving", soon_stuck);
  host.load();
  Error e = host.error("never", "{}", within(20ms));
  CHECK(e.code() == Code::deadline_exceeded);
  CHECK(std::string(e.what()) == "plugin instance 'one', test.misbehaving/1 never: no answer within 20 ms");
  CHECK(eventually([&] { return host.info().stuck == 1; }));
  CHECK(host.call("end_kept") == R"({"status":0})");  // late, and still the plugin's to end
  CHECK(host.info().stuck == 0);
  CHECK(host.info().faults == 0);
}

TEST_CASE("a call that ends soon after its deadline is not stuck") {
  Host host("misbehaving", {.stuck_calls_max = 2, .stuck_after_ms = 500ms});
  host.load();
  for (int i = 0; i < 5; ++i) {
    CHECK(host.error("wait_fd", "{}", within(20ms)).code() == Code::deadline_exceeded);
    CHECK(host.error("wait_callback", "{}", within(20ms)).code() == Code::deadline_exceeded);
  }
  CHECK(host.error("never", "{}", within(20ms)).code() == Code::deadline_exceeded);
  CHECK(host.info().stuck == 0);
  CHECK(eventually([&] { return host.info().stuck > 0; }));  // the last one's time is over last
  host.call("end_kept");
  CHECK(host.info().stuck == 0);
  CHECK(host.info().state == InstanceState::ready);
}

TEST_CASE("a blocking verb past its deadline keeps its thread, and nobody else's time") {
  Host host("misbehaving", soon_stuck);
  host.load();
  CHECK(host.error("block", "{}", within(20ms)).code() == Code::deadline_exceeded);
  CHECK(eventually([&] { return host.info().stuck == 1; }));
  CHECK(host.call("metadata").find("requestId") != std::string::npos);
  host.call("release");
  CHECK(eventually([&] { return host.info().stuck == 0; }));
}

TEST_CASE("a call that found no free thread in time says so and is never entered") {
  Host host("misbehaving", {.executor_threads_max = 1, .stuck_after_ms = 5ms});
  host.load();
  auto first = std::make_shared<Collector>();
  host.one->start(host.verb("block"), "{}", {}, first);
  CHECK(eventually([&] { return host.call("most_inside") == R"({"status":1})"; }));
  Error e = host.error("metadata", "{}", within(20ms));
  CHECK(e.code() == Code::deadline_exceeded);
  CHECK(std::string(e.what()) == "plugin instance 'one', test.misbehaving/1 metadata: no thread was free within 20 ms");
  CHECK(host.error("never", "{}", within(20ms)).code() == Code::deadline_exceeded);
  CHECK(eventually([&] { return host.info().stuck > 0; }));
  host.call("end_kept");
  CHECK(host.info().stuck == 0);  // that one was, and not the one before it
  host.call("release");
  CHECK(first->wait_end().code == Code::ok);
}

TEST_CASE("late use of a handle is answered CANCELLED and counted") {
  Host host;
  host.load();
  CHECK(host.call("keep") == "true");
  CHECK(host.call("use_kept") == R"({"status":11})");  // eleven functions, none of which did anything
  CHECK(host.info().faults == 4);                      // reply, emit, fail, finish are answers
  CHECK(host.call("end_kept") == R"({"status":1})");
  CHECK(host.info().faults == 6);
  CHECK(host.call("emit_kept") == R"({"status":1})");
}

TEST_CASE("emit after the deadline is told CANCELLED") {
  Host host;
  host.load();
  auto collector = std::make_shared<Collector>();
  host.one->start(host.verb("never"), "{}", within(20ms), collector);
  Outcome outcome = collector->wait_end();
  CHECK(outcome.code == Code::deadline_exceeded);
  REQUIRE(outcome.error);
  CHECK(host.call("emit_kept") == R"({"status":1})");
  CHECK(collector->chunks().empty());
  CHECK(host.call("end_kept") == R"({"status":0})");
  CHECK_FALSE(collector->late);
  CHECK(host.info().faults == 0);
}

TEST_CASE("cancel wakes a verb that polls the descriptor") {
  Host host;
  host.load();
  auto collector = std::make_shared<Collector>();
  CallHandle handle = host.one->start(host.verb("wait_fd"), "{}", within(-1ms), collector);
  handle.cancel();
  CHECK(collector->wait_end().code == Code::cancelled);
  handle.cancel();
  handle.writable();
  CallHandle().cancel();
}

TEST_CASE("cancel calls the function that a pending call left") {
  Host host;
  host.load();
  auto collector = std::make_shared<Collector>();
  CallHandle handle = host.one->start(host.verb("wait_callback"), "{}", within(-1ms), collector);
  CHECK_FALSE(collector->ended());
  handle.cancel();
  Outcome outcome = collector->wait_end();
  CHECK(outcome.code == Code::cancelled);
  CHECK(std::string(outcome.error->what()) == "I was told");
}

TEST_CASE("a cancellation that nobody listens to ends for the asker after the default time") {
  Host host("misbehaving", {.call_timeout_ms = 30ms, .stuck_after_ms = 5ms});
  host.load();
  auto collector = std::make_shared<Collector>();
  CallHandle handle = host.one->start(host.verb("never"), "{}", within(-1ms), collector);
  handle.cancel();
  Outcome outcome = collector->wait_end();
  CHECK(outcome.code == Code::cancelled);
  CHECK_THAT(outcome.error->what(), Catch::Contains("the plugin has not ended the call"));
  CHECK(eventually([&] { return host.info().stuck == 1; }));
  host.call("end_kept");
  CHECK(host.info().stuck == 0);
}

TEST_CASE("a callback that blocks holds up neither the one who asked nor other deadlines") {
  Host host("misbehaving", {.stuck_calls_max = 100, .stuck_after_ms = 5ms});
  host.load();
  std::vector<std::shared_ptr<Collector>> all;
  for (int i = 0; i < 5; ++i) {
    all.push_back(std::make_shared<Collector>());
    host.one->start(host.verb("block_in_callback"), "{}", within(10ms), all.back());
  }
  host.one->start(host.verb("never"), "{}", within(30ms), all.emplace_back(std::make_shared<Collector>()));
  for (auto& collector : all) CHECK(collector->wait_end().code == Code::deadline_exceeded);
  host.call("release");
  CHECK(eventually([&] { return host.info().stuck == 1; }));
}

TEST_CASE("the queue for threads is bounded") {
  Host host("misbehaving", {.executor_threads_max = 1, .calls_queued_max = 2});
  host.load();
  std::vector<std::shared_ptr<Collector>> all;
  auto start = [&] {
    all.push_back(std::make_shared<Collector>());
    host.one->start(host.verb("block"), "{}", {}, all.back());
  };
  start();
  // The thread takes the first one out of the queue; then two fit.
  CHECK(eventually([&] { return host.call("most_inside") == R"({"status":1})"; }));
  start();
  start();
  start();
  Outcome refused = all[3]->wait_end();
  CHECK(refused.code == Code::resource_exhausted);
  CHECK_THAT(refused.error->what(), Catch::Contains("calls_queued_max"));
  CHECK(host.error("block").code() == Code::resource_exhausted);
  CHECK(host.error("metadata", "{}", within(1ms)).code() == Code::resource_exhausted);
  host.call("release");
  for (int i = 0; i < 3; ++i) CHECK(all[static_cast<size_t>(i)]->wait_end().code == Code::ok);
}
