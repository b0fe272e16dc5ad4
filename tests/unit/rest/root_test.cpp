#include <algorithm>
#include <catch2/catch.hpp>

#include "core/rest/openapi_text.hpp"
#include "tests/unit/rest/bench.hpp"

using namespace operon;
using nlohmann::json;
using test::Bench;

TEST_CASE("root: JSON for programs, a page for browsers, and every link leads to a route") {
  Bench t;
  const auto plain = t.ask("GET", "/");
  CHECK(plain.response.content_type == "application/json");
  CHECK(plain.json().at("version") == "1.2.3");
  const auto description = plain.json();
  for (const auto& link : description.at("routes")) {
    std::string path = link.at("path");
    path = path.substr(0, path.find('?'));
    INFO(path);
    CHECK(t.router.match(link.at("method").get<std::string>(), path).route != nullptr);
  }
  for (const auto& route : t.router.routes()) {
    if (route.pattern == "/" || route.pattern.ends_with('/')) continue;  // this page; a name that is missing
    INFO(http::to_string(route.method) << " " << route.pattern);
    const auto& links = description.at("routes");
    CHECK(std::any_of(links.begin(), links.end(), [&](const json& link) {
      const std::string path = link.at("path");
      return link.at("method") == http::to_string(route.method) && path.substr(0, path.find('?')) == route.pattern;
    }));
  }
  const auto page = t.ask("GET", "/", {.headers = {{"Accept", "text/html,application/xhtml+xml,*/*;q=0.8"}}});
  CHECK(page.response.content_type == "text/html; charset=utf-8");
  CHECK(page.body.starts_with("<!doctype html>"));
  CHECK(page.body.find("http://") == std::string::npos);
  CHECK(page.body.find("https://") == std::string::npos);
  CHECK(page.body.find("<script") == std::string::npos);
  CHECK(t.ask("GET", "/", {.headers = {{"Accept", "application/json, text/html"}}}).response.content_type == "application/json");
}

TEST_CASE("health and version") {
  Bench t;
  CHECK(t.ask("GET", "/health").body == "{\"status\":\"healthy\"}\n");
  CHECK(t.route("GET", "/health").role == http::Role::anyone);
  CHECK(t.route("GET", "/health").no_block);
  CHECK(t.ask("GET", "/operon/v1/version").json() == json::parse(R"({"name":"operon","version":"1.2.3","abi":{"major":1,"minor":0}})"));
  CHECK(t.ask("GET", "/operon/v1/version", {.query = "x=1"}).error() == "bad_request: unknown query parameter 'x'; known: none");
}

TEST_CASE("plugins: every entry, also the refused one with its reason") {
  Bench t;
  plugin::InstanceInfo refused;
  refused.name = "broken";
  refused.plugin = "broken";
  refused.isolation = "inprocess";
  refused.reason = "/plugins/broken.so: half an interface";
  refused.required = true;
  t.plugins.refused.push_back(refused);
  const auto list = t.ask("GET", "/operon/v1/plugins").json().at("plugins");
  REQUIRE(list.size() == 7);
  CHECK(list[0].at("name") == "near");
  CHECK(list[0].at("state") == "ready");
  CHECK_FALSE(list[0].contains("reason"));
  CHECK(list[6].at("state") == "refused");
  CHECK(list[6].at("reason") == "/plugins/broken.so: half an interface");
}

TEST_CASE("the description is served as it is written") {
  Bench t;
  const auto a = t.ask("GET", "/operon/v1/openapi.yaml");
  CHECK(a.response.content_type == "application/yaml");
  CHECK(a.body == rest::openapi_text());
  CHECK(a.body.starts_with("openapi: 3.1.0\n"));
}
