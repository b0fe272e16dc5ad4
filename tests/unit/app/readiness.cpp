#include "core/app/operond/readiness.hpp"

#include <catch2/catch.hpp>

#include "core/app/operond/probe_routes.hpp"

using namespace operon;
using namespace operon::app;

namespace {

http::Response ask(const http::Router& router, const std::string& path) {
  const auto match = router.match("GET", path);
  REQUIRE(match.route != nullptr);
  CHECK(match.route->role == http::Role::anyone);
  return match.route->handler(http::Request{});
}

}  // namespace

TEST_CASE("ready is who serves and has nothing wrong; the reasons are named") {
  Readiness readiness;
  std::string store;
  readiness.add("store", [&] { return store; });
  http::Router router;
  add_probe_routes(router, readiness);
  add_metrics_route(router);

  CHECK(ask(router, "/readyz").status == 503);
  CHECK(ask(router, "/readyz").body == "[-]serving failed: the host is starting\n[+]store ok\nreadyz check failed\n");
  readiness.set_phase("serving");
  CHECK(ask(router, "/readyz").status == 200);
  CHECK(ask(router, "/readyz").body == "[+]serving ok\n[+]store ok\nreadyz check passed\n");
  store = "disk is full\npassword=hunter22";
  CHECK(ask(router, "/readyz").status == 503);
  CHECK(ask(router, "/readyz").body.find("[-]store failed: disk is full\\n") != std::string::npos);
  CHECK(ask(router, "/readyz").body.find("hunter22") == std::string::npos);
  readiness.close();
  readiness.set_phase("draining");
  CHECK(ask(router, "/readyz").body == "[-]serving failed: the host is draining\nreadyz check failed\n");

  for (const char* path : {"/livez", "/healthz"}) CHECK(ask(router, path).status == 200);
  CHECK(ask(router, "/metrics").content_type == "text/plain; version=0.0.4; charset=utf-8");
}

TEST_CASE("a check that throws is a check that failed") {
  Readiness readiness;
  readiness.set_phase("serving");
  readiness.add("odd", []() -> std::string { throw std::runtime_error("no idea"); });
  CHECK_FALSE(readiness.report().ready);
  CHECK(text_of(readiness.report(), "readyz") == "[+]serving ok\n[-]odd failed: no idea\nreadyz check failed\n");
}

TEST_CASE("a remark is shown and decides nothing") {
  Readiness readiness;
  readiness.add_remark("aside", [] { return std::string("it is away"); });
  readiness.set_phase("serving");
  CHECK(readiness.report().ready);
  CHECK(text_of(readiness.report(), "readyz") == "[+]serving ok\n[-]aside failed: it is away\nreadyz check passed\n");
}
