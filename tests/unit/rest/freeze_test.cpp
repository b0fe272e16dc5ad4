#include <catch2/catch.hpp>

#include "tests/unit/rest/bench.hpp"

using namespace operon;
using nlohmann::json;
using test::Bench;

TEST_CASE("freeze: no new run until it is lifted, and whoever tries is told why") {
  Bench t;
  CHECK(t.ask("GET", "/operon/v1/freeze").json() == json::parse(R"({"frozen":false})"));
  const auto frozen = t.ask("POST", "/operon/v1/freeze", {.body = R"({"reason":"database migration"})"});
  CHECK(frozen.status == 200);
  CHECK(frozen.json().at("frozen") == true);
  CHECK(frozen.json().at("reason") == "database migration");
  CHECK(frozen.json().at("user") == "ada");
  CHECK(frozen.json().contains("since"));
  CHECK_FALSE(frozen.json().contains("lastStopMs"));

  const auto refused = t.ask("POST", "/scenarios/run", {.body = t.run_body(t.target()).dump()});
  CHECK(refused.status == 503);
  CHECK(refused.error().find("database migration") != std::string::npos);
  CHECK(t.alpha->runs() == 0);

  CHECK(t.ask("POST", "/operon/v1/unfreeze").json() == json::parse(R"({"frozen":false})"));
  CHECK_FALSE(t.run().empty());
}

TEST_CASE("freeze: without a reason it says who") {
  Bench t;
  CHECK(t.ask("POST", "/operon/v1/freeze").json().at("reason") == "frozen by ada");
}

TEST_CASE("freeze: stopAll stops everything and reports how long the last stop took") {
  for (const auto& ask : {test::Ask{.query = "stopAll=true"}, test::Ask{.body = R"({"stopAll":true})"}}) {
    Bench t;
    const auto first = t.run(), second = t.run();
    t.await(first, "Running");
    const auto frozen = t.ask("POST", "/operon/v1/freeze", ask).json();
    CHECK(frozen.at("stopped") == 2);
    CHECK(frozen.at("notConfirmed").empty());
    CHECK(frozen.at("lastStopMs").is_number_unsigned());
    CHECK(t.ask("GET", "/scenarios/run/" + first).json().at("status") == "Stopped");
    CHECK(t.ask("GET", "/scenarios/run/" + second).json().at("status") == "Stopped");
  }
}

TEST_CASE("freeze: every refusal") {
  Bench t;
  CHECK(t.ask("POST", "/operon/v1/freeze", {.body = R"({"reason":5})"}).status == 400);
  CHECK(t.ask("POST", "/operon/v1/freeze", {.body = R"({"stopAll":"yes"})"}).status == 400);
  CHECK(t.ask("POST", "/operon/v1/freeze", {.query = "stop=1"}).error() == "bad_request: unknown query parameter 'stop'; known: stopAll");
  CHECK(t.ask("POST", "/operon/v1/freeze", {.body = json{{"reason", std::string(1025, 'x')}}.dump()}).status == 422);
  CHECK(t.ask("GET", "/operon/v1/freeze").json().at("frozen") == false);
}

TEST_CASE("freeze: whoever may run may pull the brake, letting go takes an admin") {
  Bench t;
  CHECK(t.route("POST", "/operon/v1/freeze").role == http::Role::run);
  CHECK(t.route("POST", "/operon/v1/unfreeze").role == http::Role::admin);
}
