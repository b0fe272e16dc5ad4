#include <atomic>

#include "cluster.hpp"
#include "core/kube/informer.hpp"
#include "core/kube/status.hpp"

using namespace operon;
using namespace operon::kube;
using namespace operon::kube::test;
using nlohmann::json;
using std::chrono::milliseconds;

namespace {

struct Fixture {
  explicit Fixture(bool keep_alive = false) : proxy(keep_alive) {}
  Namespace ns;  // straight to the server
  FaultProxy proxy;
  Client client{proxy.config()};
  Api api{client};
  std::string maps = "/api/v1/namespaces/" + ns.name() + "/configmaps";

  InformerOptions options() const {
    InformerOptions o;
    o.name_space = ns.name();
    o.label_selector = "chosen=yes";
    o.watch.stall = milliseconds(500);
    o.watch.backoff = {milliseconds(10), milliseconds(50)};
    return o;
  }
};

/// Each request but the first over a connection that is there already.
struct KeptConnection : Fixture {
  KeptConnection() : Fixture(true) {
    ask_version();
    proxy.rules({{{"match", "."}, {"do", "reset"}, {"times", 1}}});
    ask_version();  // libcurl asks again: it was kept
    REQUIRE(proxy.told()["rules"][0]["done"] == 1);
  }
  void ask_version() {
    Request version;
    version.path = "/version";
    CHECK(client.fetch(version).status == 200);
  }
};

const json expired{{"kind", "Status"},    {"apiVersion", "v1"},   {"status", "Failure"},
                   {"reason", "Expired"}, {"message", "too old"}, {"code", 410}};

}  // namespace

TEST_CASE_METHOD(Fixture, "a create whose answer was lost makes one object and is known for ours") {
  proxy.rules({{{"match", "^POST " + maps}, {"do", "lose"}, {"times", 1}}});
  const auto made = api.create(config_maps, ns.name(), ns.config_map("a")).parse();
  CHECK(made["metadata"]["uid"] == ns.api.get(config_maps, {ns.name(), "a"})["metadata"]["uid"]);
  CHECK(proxy.told()["rules"][0]["matched"] == 2);
}

TEST_CASE_METHOD(Fixture, "somebody else's object of the same name is not taken for ours, even after a lost answer") {
  ns.put("a");
  proxy.rules({{{"match", "^POST " + maps}, {"do", "reset"}, {"times", 1}}});
  CHECK_THROWS_AS(api.create(config_maps, ns.name(), ns.config_map("a")), Error);
}

TEST_CASE_METHOD(Fixture, "a page instead of an object is an error, also where nobody reads the answer") {
  ns.put("a");
  proxy.rules({{{"match", "^PATCH"}, {"do", "answer"}, {"status", 200}, {"body", "<html>hello</html>"}, {"times", 1}}});
  CHECK_THROWS_WITH(api.patch(config_maps, {ns.name(), "a"}, PatchType::merge, {{"data", {{"value", "y"}}}}),
                    Catch::Matchers::Contains("patch configmaps " + ns.name() + "/a: the answer is no JSON object: <html>hello</html>"));
}

TEST_CASE_METHOD(Fixture, "429 and 5xx are tried again, after the time the server asks for") {
  proxy.rules({{{"match", "^GET"}, {"do", "answer"}, {"status", 429}, {"headers", {{"Retry-After", "1"}}}, {"times", 1}},
               {{"match", "^GET"}, {"do", "answer"}, {"status", 503}, {"times", 1}},
               {{"match", "^GET"}, {"do", "reset"}, {"times", 1}}});
  ns.put("a");
  const auto begun = std::chrono::steady_clock::now();
  CHECK(api.get(config_maps, {ns.name(), "a"})["data"]["value"] == "x");
  CHECK(std::chrono::steady_clock::now() - begun >= std::chrono::seconds(1));
  CHECK(proxy.told()["requests"] == 4);
}

TEST_CASE_METHOD(Fixture, "a write that may have been done is not repeated where that is not safe") {
  ns.put("a", "0");
  proxy.rules({{{"match", "^PATCH"}, {"do", "lose"}, {"times", 1}}});
  const json patch = json::array({{{"op", "add"}, {"path", "/data/more"}, {"value", "1"}}});
  CHECK_THROWS_AS(api.patch(config_maps, {ns.name(), "a"}, PatchType::json, patch), Error);
  CHECK(proxy.told()["rules"][0]["matched"] == 1);
}

TEST_CASE_METHOD(KeptConnection, "nor by libcurl, which sends again what met a connection that had died") {
  ns.put("a", "0");
  const json patch = json::array({{{"op", "add"}, {"path", "/data/more"}, {"value", "1"}}});
  proxy.rules({{{"match", "^PATCH"}, {"do", "lose"}, {"times", 1}}});
  CHECK_THROWS_AS(api.patch(config_maps, {ns.name(), "a"}, PatchType::json, patch), Error);
  CHECK(proxy.told()["rules"][0]["matched"] == 1);
}

TEST_CASE_METHOD(KeptConnection, "a create or a delete whose answer was lost with a kept connection is known to have been done") {
  proxy.rules({{{"match", "^POST " + maps}, {"do", "lose"}, {"times", 1}}});
  const auto made = api.create(config_maps, ns.name(), ns.config_map("a")).parse();
  CHECK(made["metadata"]["uid"] == ns.api.get(config_maps, {ns.name(), "a"})["metadata"]["uid"]);
  ask_version();
  proxy.rules({{{"match", "^DELETE"}, {"do", "lose"}, {"times", 1}}});
  DeleteOptions options;
  options.uid = made["metadata"]["uid"];
  CHECK(api.remove(config_maps, {ns.name(), "a"}, options));
}

TEST_CASE_METHOD(KeptConnection, "kept connections that die, one after the other, fail no request that is safe to repeat") {
  for (int i = 0; i < 8; ++i) {
    ask_version();
    proxy.rules({{{"match", "^GET /version"}, {"do", "reset"}, {"times", 1}}});
    ask_version();
    CHECK(proxy.told()["rules"][0]["done"] == 1);
  }
}

TEST_CASE_METHOD(Fixture, "a list whose token expires between pages begins anew") {
  for (const char* name : {"a", "b", "c"}) ns.put(name);
  proxy.rules({{{"match", "continue="}, {"do", "answer"}, {"status", 410}, {"body", expired.dump()}, {"times", 1}}});
  std::vector<std::string> names;
  ListOptions list;
  list.name_space = ns.name();
  list.label_selector = "chosen=yes";
  list.limit = 1;
  api.list(
      config_maps, list, [&](json&& item) { names.push_back(item["metadata"]["name"]); }, [&] { names.clear(); });
  CHECK(names == std::vector<std::string>{"a", "b", "c"});
}

TEST_CASE_METHOD(Fixture, "a watch that is told 410 lists anew, and a delete that nobody told of is noticed") {
  ns.put("a");
  ns.put("b");
  std::atomic<int> removed{0};
  Informer informer(client, config_maps, options());
  informer.on_change([&](const Change& change) { removed += !change.now; });
  informer.start();
  REQUIRE(informer.wait_synced(milliseconds(10'000)));
  CHECK(informer.size() == 2);
  // The deletion falls into a time without a connection, and afterwards the watch only hears that its place is gone.
  proxy.rules({{{"match", "configmaps"}, {"do", "reset"}}});
  ns.api.remove(config_maps, {ns.name(), "a"});
  proxy.rules({{{"match", "watch=true"},
                {"do", "answer"},
                {"status", 200},
                {"times", 1},
                {"body", "{\"type\":\"ERROR\",\"object\":" + expired.dump() + "}\n"}}});
  CHECK(eventually([&] { return informer.size() == 1; }));
  CHECK(eventually([&] { return removed == 1; }));
  ns.put("c");
  CHECK(eventually([&] { return informer.size() == 2 && informer.trouble().empty(); }));
}

TEST_CASE_METHOD(Fixture, "half a line and then silence costs the stall time and nothing else") {
  ns.put("a");
  proxy.rules({{{"match", "watch=true"}, {"do", "stall"}, {"bytes", 700}, {"times", 2}}});
  Informer informer(client, config_maps, options());
  informer.start();
  REQUIRE(informer.wait_synced(milliseconds(10'000)));
  ns.put("b", std::string(2000, 'y'));
  CHECK(eventually([&] { return informer.size() == 2; }));
  CHECK(proxy.told()["rules"][0]["done"] == 2);
}

TEST_CASE_METHOD(Fixture, "a server without streaming lists is listed in pages") {
  for (int i = 0; i < 7; ++i) ns.put("m" + std::to_string(i));
  const json unknown{{"kind", "Status"}, {"reason", "Invalid"}, {"code", 422}, {"message", "sendInitialEvents is forbidden"}};
  proxy.rules({{{"match", "sendInitialEvents"}, {"do", "answer"}, {"status", 422}, {"body", unknown.dump()}}});
  auto o = options();
  o.page = 3;
  Informer informer(client, config_maps, o);
  informer.start();
  REQUIRE(informer.wait_synced(milliseconds(10'000)));
  CHECK(informer.size() == 7);
  ns.put("later");
  CHECK(eventually([&] { return informer.size() == 8; }));
  CHECK(proxy.told()["rules"][0]["matched"] == 1);
}

TEST_CASE_METHOD(Fixture, "a server that answers nothing but errors for a while is waited for") {
  ns.put("a");
  proxy.rules({{{"match", "configmaps"}, {"do", "answer"}, {"status", 500}, {"times", 5}},
               {{"match", "configmaps"}, {"do", "reset"}, {"times", 5}}});
  Informer informer(client, config_maps, options());
  informer.start();
  CHECK(eventually([&] { return !informer.trouble().empty(); }));
  REQUIRE(informer.wait_synced(milliseconds(20'000)));
  CHECK(informer.get(ns.name() + "/a"));
  CHECK(informer.trouble().empty());
}

TEST_CASE_METHOD(Fixture, "a watch that is cut again and again misses nothing") {
  proxy.rules({{{"match", "watch=true"}, {"do", "cut"}, {"bytes", 900}}});
  auto o = options();
  o.streaming_list = false;
  std::atomic<int> added{0};
  Informer informer(client, config_maps, o);
  informer.on_change([&](const Change& change) { added += !change.before; });
  informer.start();
  REQUIRE(informer.wait_synced(milliseconds(10'000)));
  for (int i = 0; i < 20; ++i) ns.put("m" + std::to_string(i));
  CHECK(eventually([&] { return informer.size() == 20; }, milliseconds(20'000)));
  CHECK(added == 20);
  CHECK(proxy.told()["rules"][0]["done"] > 5);
}
