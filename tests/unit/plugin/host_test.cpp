/// What a plugin asks of the host.
#include "tests/unit/plugin/fixture.hpp"

using namespace operon;
using namespace operon::plugin;
using namespace operon::plugin::test;
using namespace std::chrono_literals;

namespace {

/// test.host/1: does what the test says.
class TestService final : public base::Service {
 public:
  std::string_view id() const noexcept override { return "test.host/1"; }
  void invoke(std::shared_ptr<base::ServiceCall> call) override { behave(std::move(call)); }
  std::function<void(std::shared_ptr<base::ServiceCall>)> behave;
};

struct ServiceHost : Host {
  explicit ServiceHost(std::function<void(std::shared_ptr<base::ServiceCall>)> behave, InstanceLimits limits = {})
      : Host("misbehaving", limits) {
    auto service = std::make_shared<TestService>();
    service->behave = std::move(behave);
    instances.add_service(service);
    load();
  }
};

}  // namespace

TEST_CASE("a service answers, fails, throws, and drops a question") {
  std::string mode;
  ServiceHost host([&](std::shared_ptr<base::ServiceCall> call) {
    CHECK(call->instance() == "one");
    CHECK(call->verb() == "any");
    if (mode == "answer") call->reply(call->request_json());
    if (mode == "twice") call->reply("1"), call->reply("2"), call->fail(Error(Code::internal, "x"));
    if (mode == "fail") call->fail(Error(Code::not_found, "not here").with_reason("Nowhere"));
    if (mode == "throw") throw Error(Code::unavailable, "away").with_retry_after_ms(7);
    if (mode == "throw other") throw std::runtime_error("oops");
  });
  mode = "answer";
  CHECK(host.call("host_service", R"({"q":1})") == R"({"q":1})");
  mode = "twice";
  CHECK(host.call("host_service") == "1");
  mode = "fail";
  Error e = host.error("host_service");
  CHECK(e.code() == Code::not_found);
  CHECK(std::string(e.what()) == "not here");
  CHECK(e.reason() == "Nowhere");
  mode = "throw";
  CHECK(host.error("host_service").retry_after_ms() == 7);
  mode = "throw other";
  CHECK(std::string(host.error("host_service").what()) == "host service test.host/1 failed: oops");
  mode = "drop";
  CHECK(std::string(host.error("host_service").what()) == "the host service dropped the question without an answer");
  CHECK(host.info().faults == 0);
}

TEST_CASE("a question borrows the deadline and the cancellation of the call it belongs to") {
  std::shared_ptr<base::ServiceCall> asked;
  std::atomic<bool> cancelled{false};
  ServiceHost host([&](std::shared_ptr<base::ServiceCall> call) {
    asked = call;
    CHECK(call->deadline_unix_ms() > 0);
    call->on_cancel([&, weak = std::weak_ptr(call)] {
      cancelled = true;
      if (auto alive = weak.lock()) alive->fail(Error(Code::cancelled, "stopped"));
    });
  });
  auto collector = std::make_shared<Collector>();
  CallHandle handle = host.one->start(host.verb("host_service"), "{}", {}, collector);
  REQUIRE(asked);
  CHECK_FALSE(asked->cancelled());
  handle.cancel();
  CHECK(cancelled);
  CHECK(asked->cancelled());
  CHECK(std::string(collector->wait_end().error->what()) == "stopped");
}

TEST_CASE("a chunk that the plugin refuses cancels the question") {
  bool told = false;
  ServiceHost host([&](std::shared_ptr<base::ServiceCall> call) {
    call->on_cancel([&] { told = true; });
    CHECK(call->chunk(OPERON_STREAM_STDOUT, "x"));
    CHECK(call->cancelled());
    call->reply("1");
  });
  CHECK(host.call("host_service") == "1");
  CHECK(told);
}

TEST_CASE("the executor's sleep answers after its time and ends with the call") {
  Host host;
  host.load();
  auto began = std::chrono::steady_clock::now();
  CHECK(host.call("host_sleep", R"({"ms":30})") == "{}");
  CHECK(std::chrono::steady_clock::now() - began >= 30ms);
  CHECK(host.error("host_sleep", R"({"ms":-1})").field() == "ms");
  CHECK(host.error("host_sleep", "[]").code() == Code::invalid_argument);
  auto collector = std::make_shared<Collector>();
  CallHandle handle = host.one->start(host.verb("host_sleep"), R"({"ms":3600000})",
                                      {.timeout = -1ms, .request_id = {}, .job_id = {}, .user = {}, .blobs = {}}, collector);
  handle.cancel();
  CHECK(collector->wait_end().code == Code::cancelled);
}

TEST_CASE("a service that the manifest does not list is refused, one that the host does not have is unknown") {
  Host host;
  host.load();
  CHECK(host.error("undeclared").code() == Code::permission_denied);
  CHECK(host.error("host_service").code() == Code::unimplemented);
  CHECK(host.call("invoke_nonsense") == R"({"status":3})");
  CHECK(host.info().faults == 1);
}

TEST_CASE("notify reaches whoever listens") {
  Host host;
  std::vector<std::string> told;
  host.instances.on_notify([&](const std::string& instance, std::string_view kind, std::string_view key) {
    told.push_back(instance + " " + std::string(kind) + " " + std::string(key));
  });
  host.load();
  CHECK(host.call("notifies") == R"({"status":0})");
  CHECK(told == std::vector<std::string>{"one job 42"});
}

TEST_CASE("a listener that throws is not the plugin's fault") {
  Host host;
  host.instances.on_notify([](const std::string&, std::string_view, std::string_view) { throw std::runtime_error("oops"); });
  host.load();
  CHECK(host.call("notifies") == R"({"status":13})");
  CHECK(host.info().faults == 0);
}

TEST_CASE("log takes a JSON object and nothing else") {
  Host host;
  host.load();
  CHECK(host.call("logs", R"({"n":1})") == R"({"status":1})");
  CHECK(host.info().faults == 0);
  host.call("logs", "[1]");
  CHECK(host.info().faults == 1);
}

TEST_CASE("asking the host inside create() is refused and counted") {
  Host host("misbehaving_create_asks");
  host.instances.on_notify([](const std::string&, std::string_view, std::string_view) { FAIL("told"); });
  host.load();
  CHECK(host.info().faults == 1);
}

TEST_CASE("stop cuts questions that are still in flight") {
  std::shared_ptr<base::ServiceCall> asked;
  {
    ServiceHost host([&](std::shared_ptr<base::ServiceCall> call) { asked = call; });
    auto collector = std::make_shared<Collector>();
    host.one->start(host.verb("host_service"), "{}", {}, collector);
    host.instances.stop(5s);
    CHECK(collector->ended());
  }
  asked->reply("1");  // to nobody: the plugin's instance is destroyed
  asked.reset();
}

TEST_CASE("an instance is not destroyed under a sink that still runs") {
  struct Held final : CallObserver {
    std::mutex mutex;
    std::condition_variable changed;
    bool inside = false, open = false;
    bool on_chunk(uint32_t, std::string_view) noexcept override { return true; }
    void on_end(Outcome) noexcept override {
      std::unique_lock lock(mutex);
      inside = true;
      changed.notify_all();
      changed.wait(lock, [this] { return open; });
    }
  };
  std::shared_ptr<base::ServiceCall> asked;
  ServiceHost host([&](std::shared_ptr<base::ServiceCall> call) { std::atomic_store(&asked, std::move(call)); });
  auto held = std::make_shared<Held>();
  host.one->start(host.verb("host_service"), "{}", {}, held);
  REQUIRE(eventually([&] { return std::atomic_load(&asked) != nullptr; }));
  std::thread service([&] { asked->reply("1"); });  // the sink's done() ends the call, whose observer holds it up
  {
    std::unique_lock lock(held->mutex);
    REQUIRE(held->changed.wait_for(lock, 30s, [&] { return held->inside; }));
  }
  host.instances.stop(100ms);
  CHECK(host.info().faults == 0);  // destroy() asks the host twice
  {
    std::lock_guard lock(held->mutex);
    held->open = true;
    held->changed.notify_all();
  }
  service.join();
}
