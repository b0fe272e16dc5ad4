/// What a plugin asks of its host.
#include "subject.hpp"

using namespace operon;
using namespace operon::sdk;

namespace {

struct Asker : Plugin {
  Asker() { host().info("made", {{"instance", host().instance()}}); }
  nlohmann::json kv(Call&) {
    const Kv kv(host());
    nlohmann::json seen;
    seen["missing"] = kv.get("a").has_value();
    kv.put("a", "1");
    seen["a"] = *kv.get("a");
    for (const auto* key : {"b", "ab", "ac", "ad", "ae"}) kv.put(key, "3");
    seen["listed"] = kv.keys("a");
    seen["removed"] = kv.remove("a");
    seen["removed_again"] = kv.remove("a");
    return seen;
  }
  void sleep(Call& call) { Clock(host()).sleep(call, std::chrono::seconds(60)); }
  void later(Call&) {
    Clock(host()).after(std::chrono::seconds(5), [this] { host().notify("job", "j1"); });
  }
  nlohmann::json http(Call& call) {
    const auto answer = Http(host()).request(call, {.url = "https://example.test/", .headers = {{"accept", "text/plain"}}});
    return {{"status", answer.status}, {"body", answer.body}, {"type", answer.headers.at("content-type")}};
  }
  void metrics(Call&) {
    const Metrics metrics(host());
    metrics.add("runs_total", 2, {{"kind", "x"}});
    metrics.add("runs_total", 1, {{"kind", "x"}});
    metrics.set("disk_bytes", 7);
  }
  nlohmann::json slow_reader(Call& call) {
    int refused = 0, taken = 0;
    std::optional<Operation> operation;
    sdk::detail::Signal done;
    operation = host().ask_async(
        "test.chunks/1", "read", nlohmann::json::object(), [&](Answer) { done.fire(); },
        [&](Stream, std::string_view) {
          if (refused == 0) return ++refused, false;
          return ++taken, true;
        },
        &call.raw());
    if (refused > 0) operation->resume();
    done.wait();
    return {{"refused", refused}, {"taken", taken}};
  }
  void unknown(Call& call) { host().ask(call, "operon.host.moon/1", "land", nlohmann::json::object()); }
  static auto interfaces() {
    using A = Asker;
    return std::vector{Interface<A>{"test.asker/1",
                                    {verb<&A::kv>("kv"), verb<&A::sleep>("sleep"), verb<&A::later>("later"), verb<&A::http>("http"),
                                     verb<&A::metrics>("metrics"), verb<&A::slow_reader>("slow_reader"), verb<&A::unknown>("unknown")}}};
  }
};

constexpr auto id = "test.asker/1";

}  // namespace

TEST_CASE("a plugin can log from its constructor on, with fields") {
  subject::Running<Asker> host;
  CHECK(host.logs().at(0).message == "made");
  CHECK(host.logs().at(0).fields == nlohmann::json{{"instance", "subject"}});
}

TEST_CASE("kv") {
  subject::Running<Asker> host;
  CHECK(host.call(id, "kv").json() ==
        nlohmann::json{
            {"missing", false}, {"a", "1"}, {"listed", {"a", "ab", "ac", "ad", "ae"}}, {"removed", true}, {"removed_again", false}});
  CHECK(host.services.kv().size() == 5);
}

TEST_CASE("the clock is the test's: a minute passes without waiting") {
  subject::Running<Asker> host;
  auto call = host.start(id, "sleep");
  while (host.services.sleepers() == 0) std::this_thread::yield();
  CHECK_FALSE(call.ended());
  host.services.advance(std::chrono::seconds(60));
  CHECK(call.wait().ok());

  auto cancelled = host.start(id, "sleep");
  cancelled.cancel();
  CHECK(cancelled.wait().code == Code::cancelled);
}

TEST_CASE("something later becomes a notification, and what is pending at the end is dropped") {
  subject::Running<Asker> host;
  CHECK(host.call(id, "later").ok());
  host.services.advance(std::chrono::milliseconds(4999));
  CHECK(host.notifications().empty());
  host.services.advance(std::chrono::milliseconds(1));
  CHECK(host.wait_for_notification({"job", "j1"}));
  CHECK(host.call(id, "later").ok());
  host.stop();
  host.services.advance(std::chrono::hours(1));
  CHECK(host.notifications().size() == 1);
  CHECK(host.breaches().empty());
}

TEST_CASE("a test serves what the plugin asks for") {
  subject::Running<Asker> host;
  host.services.serve("operon.host.http/1", "request", [](const nlohmann::json& request, std::vector<operon::testing::Chunk>& chunks) {
    CHECK(request["url"] == "https://example.test/");
    CHECK(request["headers"]["accept"] == "text/plain");
    chunks.push_back({Stream::out, "hel"});
    chunks.push_back({Stream::out, "lo"});
    return nlohmann::json{{"status", 200}, {"headers", {{"content-type", "text/plain"}}}};
  });
  CHECK(host.call(id, "http").json() == nlohmann::json{{"status", 200}, {"body", "hello"}, {"type", "text/plain"}});
  host.services.serve("operon.host.http/1", "request", [](const nlohmann::json&, auto&) -> nlohmann::json {
    throw Error(Code::unavailable, "no route").with_retry_after_ms(9);
  });
  const auto failed = host.call(id, "http");
  CHECK(failed.code == Code::unavailable);
  CHECK(failed.error->retry_after_ms() == 9);
}

TEST_CASE("metrics and a slow reader") {
  subject::Running<Asker> host;
  CHECK(host.call(id, "metrics").ok());
  CHECK(host.services.metrics() == std::map<std::string, double>{{"runs_total{kind=x}", 3}, {"disk_bytes", 7}});
  host.services.serve("test.chunks/1", "read", [](const nlohmann::json&, auto& chunks) {
    for (int i = 0; i < 3; ++i) chunks.push_back({Stream::item, "{}"});
    return nlohmann::json::object();
  });
  CHECK(host.call(id, "slow_reader").json() == nlohmann::json{{"refused", 1}, {"taken", 3}});
}

TEST_CASE("a service that is not there is UNIMPLEMENTED; without any host all are UNAVAILABLE") {
  subject::Running<Asker> host;
  CHECK(host.call(id, "unknown").code == Code::unimplemented);
  const Asker lonely;
  lonely.host().info("nobody hears this");
  CHECK_THROWS_WITH(Kv(lonely.host()).get("a"), "there is no host to ask operon.host.kv/1");
}

TEST_CASE("a host that is older than the plugin: absent functions have plain answers") {
  operon_call_api old = *operon::testing::detail::CallRecord::api();
  old.struct_size = offsetof(operon_call_api, is_cancelled);
  const operon::sdk::detail::RawCall raw{&old, nullptr};
  CHECK_FALSE(raw.cancelled());
  CHECK(raw.cancel_fd() == -1);
  CHECK(raw.emit(Stream::out, "x") == OPERON_UNIMPLEMENTED);
  CHECK(raw.fail(Error(Code::not_found, "gone")) == OPERON_NOT_FOUND);
  operon_host_api tiny{};
  tiny.struct_size = offsetof(operon_host_api, call);
  operon_plugin* plugin = nullptr;
  const operon_plugin_api* api = nullptr;
  CHECK(subject::entry<Asker>()->create(&tiny, str("x"), &plugin, &api) == OPERON_FAILED_PRECONDITION);
}
