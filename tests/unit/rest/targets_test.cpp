#include <catch2/catch.hpp>

#include "core/base/ids.hpp"
#include "tests/unit/rest/bench.hpp"

using namespace operon;
using nlohmann::json;
using test::Ask;
using test::Bench;

TEST_CASE("targets: a request is made, completes, and lists the clusters of every provider") {
  Bench t;
  const auto made = t.ask("POST", "/targets", {.body = "anything at all"});
  CHECK(made.status == 202);
  CHECK(made.body.back() == '\n');
  CHECK(made.response.interim_status == 0);
  const std::string id = made.json().at("uuid");
  CHECK(base::is_uuid(id));

  const auto state = t.ask("GET", "/targets/" + id);
  CHECK(state.status == 200);
  CHECK(state.body.empty());
  const auto clusters = t.ask("GET", "/clusters", {.query = "id=" + id + "&somethingUnknown=1"});
  CHECK(clusters.status == 200);
  CHECK(clusters.json() == json::parse(R"({"status":"Completed","targetData":{
    "left":[{"cluster-name":"a","cluster-api-url":"https://a"},{"cluster-name":"both","cluster-api-url":"https://both"},{"cluster-name":"localhost","cluster-api-url":"https://localhost"}],
    "right":[{"cluster-name":"b","cluster-api-url":"https://b"},{"cluster-name":"both","cluster-api-url":"https://both"}]}})"));
}

TEST_CASE("targets: pending is 202 without a body, and its clusters are 404") {
  rest::Settings settings;
  settings.interim_status = true;
  Bench t(settings);
  t.plugins.instances[4]->hold();
  const auto made = t.ask("POST", "/targets");
  CHECK(made.response.interim_status == 102);
  const std::string id = made.json().at("uuid");
  const auto state = t.ask("GET", "/targets/" + id);
  CHECK(state.status == 202);
  CHECK(state.body.empty());
  CHECK(state.response.interim_status == 100);
  CHECK(t.ask("GET", "/clusters", {.query = "id=" + id}).error() == "not_found: KrknTargetRequest with id '" + id + "' is not completed");
  t.plugins.instances[4]->release();
  CHECK(t.ask("GET", "/targets/" + id).status == 200);
}

TEST_CASE("targets: every refusal") {
  Bench t;
  CHECK(t.ask("GET", "/targets/nope").status == 404);
  CHECK(t.ask("GET", "/targets/nope").error() == "not_found: KrknTargetRequest with id 'nope' not found");
  CHECK(t.ask("GET", "/clusters").error() == "bad_request: id parameter is required");
  CHECK(t.ask("GET", "/clusters", {.query = "id="}).error() == "bad_request: id parameter is required");
  CHECK(t.ask("GET", "/clusters", {.query = "id=nope"}).error() == "not_found: KrknTargetRequest with id 'nope' not found");
  t.plugins.instances.resize(4);
  const auto none = t.ask("POST", "/targets");
  CHECK(none.status == 503);
  CHECK(none.json().at("error") == "unavailable");
}

TEST_CASE("targets: a provider that fails is named beside the clusters of the others") {
  Bench t;
  t.plugins.instances[5]->on("operon.target-provider/1", "list", [](const std::string&, const test::FakeInstance::Emit&) -> std::string {
    throw Error(Code::unavailable, "hub away");
  });
  const auto clusters = t.ask("GET", "/clusters", {.query = "id=" + t.target()}).json();
  CHECK(clusters.at("targetData").size() == 1);
  CHECK(clusters.at("conditions") ==
        json::parse(R"([{"type":"Partial","status":"True","reason":"ProvidersFailed","message":"right: hub away"}])"));
}

TEST_CASE("nodes: all checks come before the missing data provider") {
  Bench t;
  const auto id = t.target();
  const auto nodes = [&](const std::string& query) {
    const auto a = t.ask("GET", "/nodes", {.query = query});
    return std::to_string(a.status) + " " + a.error();
  };
  CHECK(nodes("") == "400 bad_request: id parameter is required");
  CHECK(nodes("cluster-name=a") == "400 bad_request: id parameter is required");
  CHECK(nodes("id=" + id) == "400 bad_request: cluster-name parameter is required");
  CHECK(nodes("id=nope&cluster-name=a") == "404 not_found: Secret with id 'nope' not found");
  CHECK(nodes("id=" + id + "&cluster-name=c") == "404 not_found: Kubeconfig for cluster 'c' not found in secret");
  CHECK(nodes("id=" + id + "&cluster-name=both") ==
        "409 conflict: cluster 'both' is known to several providers (left, right): name one of them as provider");
  CHECK(nodes("id=" + id + "&cluster-name=localhost") ==
        "422 unprocessable: cluster 'localhost' of provider 'left' has no kubeconfig, so it has no nodes to list");
  CHECK(nodes("id=" + id + "&cluster-name=both&provider=right") ==
        "503 unavailable: no data provider is configured (data_provider_address), so the nodes of cluster 'both' cannot be read");
}

TEST_CASE("nodes: what the data provider says, seen from here") {
  Bench t;
  const auto id = t.target();
  Code code = Code::ok;
  std::string asked;
  t.services().nodes_of = [&](const std::string& kubeconfig) -> std::vector<std::string> {
    asked = kubeconfig;
    if (code != Code::ok) throw Error(code, "words").with_retry_after_ms(1500);
    return {"n1", "n2"};
  };
  const auto ask = [&] { return t.ask("GET", "/nodes", {.query = "id=" + id + "&cluster-name=both&provider=right"}); };
  const auto good = ask();
  CHECK(good.status == 200);
  CHECK(good.json() == json::parse(R"({"nodes":["n1","n2"]})"));
  CHECK(asked.find("clusters") != std::string::npos);
  const std::map<Code, std::string> expected{
      {Code::invalid_argument, "422 unprocessable"},      {Code::unauthenticated, "502 unavailable"},
      {Code::permission_denied, "502 unavailable"},       {Code::unavailable, "502 unavailable"},
      {Code::deadline_exceeded, "504 deadline_exceeded"}, {Code::resource_exhausted, "429 too_many_requests"}};
  for (const auto& [one, answer] : expected) {
    code = one;
    const auto a = ask();
    CHECK(std::to_string(a.status) + " " + a.error() == answer + ": nodes of cluster 'both': words");
  }
}
