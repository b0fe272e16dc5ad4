#include <catch2/catch.hpp>

#include "tests/unit/control/fake_registry.hpp"
#include "tests/unit/rest/bench.hpp"

using namespace operon;
using nlohmann::json;
using test::Bench;

TEST_CASE("scenarios: the default registry's, or the named one's") {
  Bench t;
  const auto list = t.ask("POST", "/scenarios");
  CHECK(list.status == 200);
  CHECK(list.json() ==
        json::parse(
            R"({"scenarios":[{"name":"hello","digest":"sha256:1","size":10,"lastModified":"2026-01-02T03:04:05Z"},{"name":"bare"}]})"));
  CHECK(t.plugins.instances[0]->calls("list") == 1);
  CHECK(t.ask("POST", "/scenarios", {.body = R"({"registry":"far"})"}).status == 200);
  CHECK(t.plugins.instances[1]->calls("list") == 1);

  CHECK(t.ask("POST", "/scenarios/detail/hello").json().at("title") == "Near");
  CHECK(t.ask("POST", "/scenarios/detail/hello", {.body = R"({"registry":"far"})"}).json().at("title") == "Far");
}

TEST_CASE("scenarios: a registry of the request's own goes to the instance that takes it") {
  Bench t;
  CHECK(t.ask("POST", "/scenarios", {.body = R"({"registryUrl":"r.example","scenarioRepository":"a/b","token":"t0ken-t0ken"})"}).status ==
        200);
  CHECK(t.plugins.instances[0]->calls("list") == 0);
  CHECK(json::parse(t.plugins.instances[1]->last_request("list")).at("registry").at("token") == "t0ken-t0ken");

  CHECK(t.ask("POST", "/scenarios", {.body = R"({"registryUrl":"r.example"})"}).error() ==
        "bad_request: Both registryUrl and scenarioRepository are required for private registry");
  const auto refused = t.ask("POST", "/scenarios", {.body = R"({"registryUrl":"r.example","scenarioRepository":"a/b","registry":"near"})"});
  CHECK(refused.status == 422);
  t.plugins.instances.erase(t.plugins.instances.begin() + 1);
  const auto none = t.ask("POST", "/scenarios", {.body = R"({"registryUrl":"r.example","scenarioRepository":"a/b"})"});
  CHECK(none.status == 503);
  CHECK(none.error().find("adhoc") != std::string::npos);
}

TEST_CASE("scenarios: a registry of the request's own must be among those that are allowed") {
  auto flow = Bench::flow_defaults();
  flow.images.allowed_registries = {"r.example/a", "quay.io"};
  Bench t({}, flow);
  for (const char* path : {"/scenarios", "/scenarios/detail/hello", "/scenarios/globals/hello"}) {
    CAPTURE(path);
    CHECK(t.ask("POST", path, {.body = R"({"registryUrl":"R.example","scenarioRepository":"a/b"})"}).status == 200);
    const auto refused = t.ask("POST", path, {.body = R"({"registryUrl":"r.example","scenarioRepository":"ab"})"});
    CHECK(refused.status == 422);
    CHECK(refused.error() ==
          "unprocessable: registryUrl 'r.example' with scenarioRepository 'ab' is no registry that this host may ask; "
          "scenarios.allowed_registries lists r.example/a, quay.io");
  }
  CHECK(t.plugins.instances[1]->calls("list") == 1);
  CHECK(t.ask("POST", "/scenarios").status == 200);  // the host's own registries are its configuration's
}

TEST_CASE("scenarios: only so many requests wait at once for registries that they name themselves") {
  auto flow = Bench::flow_defaults();
  flow.own_registry_calls_max = 1;
  Bench t({}, flow);
  const std::string own = R"({"registryUrl":"r.example","scenarioRepository":"a/b"})";
  std::vector<test::Answer> meanwhile;
  t.plugins.instances[1]->on(kinds::scenario_registry::id, "list", [&](const std::string&, const auto&) {
    meanwhile.push_back(t.ask("POST", "/scenarios", {.body = own}));
    meanwhile.push_back(t.ask("POST", "/scenarios/detail/hello", {.body = own}));
    meanwhile.push_back(t.ask("POST", "/scenarios"));
    return std::string("{}");
  });
  for (int i = 0; i < 2; ++i) {  // the place is free again afterwards
    meanwhile.clear();
    CHECK(t.ask("POST", "/scenarios", {.body = own}).status == 200);
    REQUIRE(meanwhile.size() == 3);
    for (int refused : {0, 1}) {
      CHECK(meanwhile[static_cast<size_t>(refused)].error() ==
            "too_many_requests: 1 requests wait for registries that they name themselves (registryUrl) already (own_registry_calls_max): "
            "try again later");
      CHECK(meanwhile[static_cast<size_t>(refused)].response.headers ==
            std::vector<std::pair<std::string, std::string>>{{"Retry-After", "1"}});
    }
    CHECK(meanwhile[2].status == 200);
  }
}

TEST_CASE("scenarios: detail and globals carry both spellings of the date") {
  Bench t;
  const auto detail = t.ask("POST", "/scenarios/detail/hello").json();
  CHECK(detail.at("last_modified") == "2026-01-02T03:04:05Z");
  CHECK(detail.at("lastModified") == detail.at("last_modified"));
  CHECK(detail.at("fields").size() == 3);
  CHECK(detail.at("fields")[2] == json::parse(R"({"name":"key","type":"string","variable":"KEY","secret":true})"));
  CHECK_FALSE(detail.contains("run"));
  CHECK(t.ask("POST", "/scenarios/globals/hello").json().at("title") == "Globals");
}

TEST_CASE("scenarios: every refusal") {
  Bench t;
  const auto refusal = [&](const std::string& path, const std::string& body = {}) {
    const auto a = t.ask("POST", path, {.body = body});
    return std::to_string(a.status) + " " + a.error();
  };
  CHECK(refusal("/scenarios/detail/") == "400 bad_request: scenario_name parameter is required in path");
  CHECK(refusal("/scenarios/globals/") == "400 bad_request: scenario_name parameter is required in path");
  CHECK(refusal("/scenarios/detail/nope") == "404 not_found: Scenario 'nope' not found");
  CHECK(refusal("/scenarios/globals/bare") == "404 not_found: Global environment for scenario 'bare' not found");
  CHECK(refusal("/scenarios", "{").substr(0, 15) == "400 bad_request");
  CHECK(refusal("/scenarios", "[]").substr(0, 15) == "400 bad_request");
  CHECK(refusal("/scenarios", R"({"registry":5})") == "400 bad_request: registry must be a string");
  CHECK(refusal("/scenarios", R"({"registry":"nope"})") == "422 unprocessable: registry 'nope' is not configured; known: near, far");
  for (const auto code : {Code::unavailable, Code::permission_denied, Code::unauthenticated, Code::internal}) {
    test::make_dead_registry(*t.plugins.instances[0], code);
    CHECK(refusal("/scenarios") == "502 unavailable: the registry is away");
    CHECK(refusal("/scenarios/detail/hello") == "502 unavailable: the registry is away");
  }
  t.plugins.instances[0]->on(kinds::scenario_registry::id, "list", [](const std::string&, const auto&) -> std::string {
    throw Error(Code::resource_exhausted, "token: abcdefgh12").with_retry_after_ms(4100);
  });
  const auto later = t.ask("POST", "/scenarios");
  CHECK(later.error() == "too_many_requests: token: ***REDACTED***");
  CHECK(later.response.headers == std::vector<std::pair<std::string, std::string>>{{"Retry-After", "5"}});
  test::make_dead_registry(*t.plugins.instances[0], Code::deadline_exceeded);
  CHECK(refusal("/scenarios").substr(0, 3) == "504");
  t.plugins.instances.erase(t.plugins.instances.begin(), t.plugins.instances.begin() + 2);
  CHECK(refusal("/scenarios").substr(0, 3) == "503");
}

TEST_CASE("scenarios: more than scenarios_max is an answer, not memory") {
  rest::Settings settings;
  settings.scenarios_max = 1;
  Bench t(settings);
  CHECK(t.ask("POST", "/scenarios").status == 429);
}

TEST_CASE("operon/v1/scenarios: all registries with their references, the default first") {
  Bench t;
  const auto all = t.ask("GET", "/operon/v1/scenarios").json();
  REQUIRE(all.at("scenarios").size() == 4);
  CHECK(
      all["scenarios"][0] ==
      json::parse(
          R"({"name":"hello","reference":"dir://hello","registry":"near","digest":"sha256:1","size":10,"lastModified":"2026-01-02T03:04:05Z"})"));
  CHECK(all["scenarios"][2].at("registry") == "far");
  CHECK(all.at("registries") == json::parse(R"([{"registry":"near","scenarios":2},{"registry":"far","scenarios":2}])"));
  CHECK(t.ask("GET", "/operon/v1/scenarios", {.query = "registry=far"}).json().at("scenarios").size() == 2);
  CHECK(t.ask("GET", "/operon/v1/scenarios", {.query = "registri=far"}).error() ==
        "bad_request: unknown query parameter 'registri'; known: registry");

  const auto one = t.ask("GET", "/operon/v1/scenarios/hello", {.query = "registry=far"}).json();
  CHECK(one.at("title") == "Far");
  CHECK(one.at("reference") == "dir://hello");
  CHECK(one.at("registry") == "far");
  CHECK(one.at("globals").size() == 1);
  CHECK(t.ask("GET", "/operon/v1/scenarios/nope").error() == "not_found: Scenario 'nope' not found");
}

TEST_CASE("operon/v1/scenarios: a registry that has none of its own is not missed") {
  Bench t;
  test::make_dead_registry(*t.plugins.instances[1], Code::failed_precondition);
  const auto others = t.ask("GET", "/operon/v1/scenarios").json();
  CHECK(others.at("scenarios").size() == 2);
  CHECK_FALSE(others.contains("failed"));
  CHECK(t.ask("GET", "/operon/v1/scenarios/nope").status == 404);
}

TEST_CASE("operon/v1/scenarios: a registry that is away is named, all away is 502") {
  Bench t;
  test::make_dead_registry(*t.plugins.instances[0]);
  const auto some = t.ask("GET", "/operon/v1/scenarios");
  CHECK(some.status == 200);
  CHECK(some.json().at("scenarios").size() == 2);
  CHECK(some.json().at("failed") == json::parse(R"([{"registry":"near","message":"the registry is away"}])"));
  // Which scenario a name means does not depend on who is up: the one that is asked first has to answer.
  const auto first = t.ask("GET", "/operon/v1/scenarios/hello");
  CHECK(first.status == 502);
  CHECK(first.error() ==
        "unavailable: registry 'near', which comes first, may have it: the registry is away; to ask another, name it (registry)");
  CHECK(t.ask("GET", "/operon/v1/scenarios/hello", {.query = "registry=far"}).status == 200);
  CHECK(t.ask("GET", "/operon/v1/scenarios/hello", {.query = "registry=near"}).error() == "unavailable: the registry is away");
  for (const auto not_there : {Code::not_found, Code::invalid_argument, Code::failed_precondition}) {
    test::make_dead_registry(*t.plugins.instances[0], not_there);
    CHECK(t.ask("GET", "/operon/v1/scenarios/hello").json().at("registry") == "far");
  }
  test::make_dead_registry(*t.plugins.instances[0]);
  test::make_dead_registry(*t.plugins.instances[1], Code::failed_precondition);
  CHECK(t.ask("GET", "/operon/v1/scenarios").status == 502);
  CHECK(t.ask("GET", "/operon/v1/scenarios", {.query = "registry=far"}).status == 422);
  test::make_dead_registry(*t.plugins.instances[1]);
  CHECK(t.ask("GET", "/operon/v1/scenarios").status == 502);
  CHECK(t.ask("GET", "/operon/v1/scenarios/hello").status == 502);
}
