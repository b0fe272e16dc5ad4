#include <catch2/catch.hpp>

#include "core/http/router.hpp"
#include "operon/error.hpp"

using namespace operon;
using namespace operon::http;

namespace {

Route route(Method m, std::string pattern) {
  Route r;
  r.method = m;
  r.pattern = std::move(pattern);
  r.handler = [](const Request&) { return Response{}; };
  return r;
}

}  // namespace

TEST_CASE("a path finds the most literal route, whatever the order of registration") {
  Router router;
  router.add({route(Method::get, "/jobs/{id}"), route(Method::get, "/jobs/events"), route(Method::del, "/jobs/{id}"),
              route(Method::get, "/"), route(Method::get, "/jobs/{id}/logs"), route(Method::get, "/{a}/{b}"),
              route(Method::post, "/detail/")});
  auto pattern = [&](std::string_view method, std::string_view path) {
    const auto m = router.match(method, path);
    return m.route ? m.route->pattern : "allow:" + m.allow;
  };
  CHECK(pattern("GET", "/jobs/events") == "/jobs/events");
  CHECK(pattern("GET", "/jobs/7") == "/jobs/{id}");
  CHECK(pattern("HEAD", "/jobs/7") == "/jobs/{id}");
  CHECK(pattern("GET", "/jobs/7/logs") == "/jobs/{id}/logs");
  CHECK(pattern("GET", "/x/y") == "/{a}/{b}");
  CHECK(pattern("GET", "/") == "/");
  CHECK(pattern("POST", "/jobs/7") == "allow:GET, HEAD, DELETE");
  CHECK(pattern("get", "/jobs/7") == "allow:GET, HEAD, DELETE");
  CHECK(pattern("GET", "/jobs/") == "allow:");
  CHECK(pattern("POST", "/detail/") == "/detail/");
  CHECK(pattern("GET", "/jobs/7/") == "allow:");
  CHECK(pattern("GET", "jobs") == "allow:");
  CHECK(pattern("GET", "") == "allow:");
  CHECK(router.match("GET", "/jobs/a b").params == std::vector<std::pair<std::string, std::string>>{{"id", "a b"}});
}

TEST_CASE("two routes of one method and pattern are refused") {
  Router router;
  router.add({route(Method::get, "/jobs/{id}")});
  CHECK_THROWS_WITH(router.add({route(Method::get, "/jobs/{id}")}), "two routes for GET /jobs/{id}");
  CHECK_THROWS_AS(router.add({route(Method::post, "/jobs/{other}")}), Error);
  CHECK_THROWS_AS(router.add({route(Method::post, "jobs")}), Error);
}
