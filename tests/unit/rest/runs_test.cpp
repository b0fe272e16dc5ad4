#include <catch2/catch.hpp>
#include <set>
#include <thread>

#include "core/base/ids.hpp"
#include "tests/unit/rest/bench.hpp"

using namespace operon;
using nlohmann::json;
using test::Bench;

TEST_CASE("runs: started, seen, listed, stopped") {
  Bench t;
  const auto target = t.target();
  const auto started = t.ask("POST", "/scenarios/run", {.body = t.run_body(target).dump()});
  CHECK(started.status == 201);
  const std::string id = started.json().at("jobId");
  CHECK(base::is_uuid(id));
  CHECK(started.json() == json({{"jobId", id}, {"status", "Pending"}, {"podName", "krkn-job-" + id}}));

  t.await(id, "Running");
  const auto job = t.ask("GET", "/scenarios/run/" + id).json();
  CHECK(job.at("targetId") == target);
  CHECK(job.at("clusterName") == "a");
  CHECK(job.at("scenarioName") == "hello");
  CHECK(job.at("podName") == "krkn-job-" + id);
  CHECK(job.at("startTime") == "2026-01-02T03:04:05Z");
  CHECK(t.table().get(id)->user == "ada");
  CHECK(t.ask("GET", "/scenarios/run").json().at("jobs").at(0) == job);

  for (int repeat = 0; repeat < 2; ++repeat) {
    const auto stopped = t.ask("DELETE", "/scenarios/run/" + id);
    CHECK(stopped.status == 200);
    CHECK(stopped.json().at("status") == "Stopped");
    CHECK(stopped.json().at("message") == "Job stopped and deleted successfully");
    CHECK(stopped.json().at("clusterName") == "a");
  }
  CHECK(t.ask("GET", "/scenarios/run/" + id).json().at("status") == "Stopped");
}

TEST_CASE("runs: a plan shows the run, without its secrets, and is none") {
  Bench t;
  auto body = t.run_body(t.target());
  body["environment"] = {{"KEY", "sesame-sesame"}};
  const auto planned = t.ask("POST", "/operon/v1/runs/plan", {.body = body.dump()});
  REQUIRE(planned.status == 200);
  const auto plan = planned.json();
  CHECK(plan.at("clusterName") == "a");
  CHECK(plan.at("scenarioImage") == "dir://hello");
  CHECK(plan.at("environment").at("KEY") == "***");
  CHECK(plan.at("environment").at("GREETING") == "hello");
  CHECK(plan.at("secretVariables") == json({"KEY"}));
  CHECK_FALSE(plan.contains("objects"));
  CHECK(t.ask("GET", "/scenarios/run").json().at("jobs").empty());
  CHECK(t.alpha->runs() == 0);
  CHECK(t.ask("POST", "/operon/v1/runs/plan", {.body = "{}"}).status == 400);
  CHECK(t.ask("POST", "/operon/v1/runs/plan", {.query = "x=1", .body = body.dump()}).status == 400);
  t.ask("POST", "/operon/v1/freeze", {.body = R"({"reason":"release day"})"});
  CHECK(t.ask("POST", "/operon/v1/runs/plan", {.body = body.dump()}).status == 503);
}

TEST_CASE("runs: DELETE of one that had ended answers the same, and GET goes on telling the true end") {
  Bench t;
  const auto id = t.run();
  t.finish(id, "Failed", "exit code 3");
  t.await(id, "Failed");
  const auto stopped = t.ask("DELETE", "/scenarios/run/" + id);
  CHECK(stopped.status == 200);
  CHECK(stopped.json().at("status") == "Stopped");
  const auto job = t.ask("GET", "/scenarios/run/" + id).json();
  CHECK(job.at("status") == "Failed");
  CHECK(job.at("message").get<std::string>().find("exit code 3") != std::string::npos);
}

TEST_CASE("runs: the runner is the request's, else the default's") {
  Bench t;
  auto body = t.run_body(t.target());
  t.ask("POST", "/scenarios/run", {.body = body.dump()});
  CHECK(t.alpha->runs() == 1);
  body["runner"] = "beta";
  CHECK(t.ask("POST", "/scenarios/run", {.body = body.dump()}).status == 201);
  CHECK(t.beta->runs() == 1);
  body["registry"] = "far";
  const std::string id = t.ask("POST", "/scenarios/run", {.body = body.dump()}).json().at("jobId");
  CHECK(t.table().get(id)->registry == "far");
  body["clusterName"] = "both";
  body["provider"] = "right";
  const std::string other = t.ask("POST", "/scenarios/run", {.body = body.dump()}).json().at("jobId");
  CHECK(t.table().get(other)->provider == "right");
}

TEST_CASE("runs: one idempotency key, one run") {
  Bench t;
  auto body = t.run_body(t.target());
  const test::Ask ask{.body = body.dump(), .headers = {{"Idempotency-Key", "k"}}};
  const auto first = t.ask("POST", "/scenarios/run", ask), second = t.ask("POST", "/scenarios/run", ask);
  CHECK(first.status == 201);
  CHECK(second.status == 201);
  CHECK(first.body == second.body);
  CHECK(t.alpha->runs() == 1);
  body["environment"] = {{"COUNT", "1"}};
  CHECK(t.ask("POST", "/scenarios/run", {.body = body.dump(), .headers = {{"Idempotency-Key", "k"}}}).status == 422);
  body["idempotencyKey"] = "other";
  CHECK(t.ask("POST", "/scenarios/run", {.body = body.dump(), .headers = {{"Idempotency-Key", "k"}}}).status == 400);
}

TEST_CASE("runs: one idempotency key and a hundred POSTs at once are one run with one answer") {
  Bench t;
  const test::Ask ask{.body = t.run_body(t.target()).dump(), .headers = {{"Idempotency-Key", "k"}}};
  std::vector<std::string> answers(100);
  std::vector<std::thread> callers;
  for (size_t caller = 0; caller < 10; ++caller)
    callers.emplace_back([&, caller] {
      for (size_t i = 0; i < 10; ++i) {
        const auto a = t.ask("POST", "/scenarios/run", ask);
        answers[caller * 10 + i] = std::to_string(a.status) + " " + a.body;
      }
    });
  for (auto& caller : callers) caller.join();
  CHECK(answers[0].starts_with("201 "));
  CHECK(std::set<std::string>(answers.begin(), answers.end()).size() == 1);
  CHECK(t.alpha->runs() == 1);
  CHECK(t.ask("GET", "/scenarios/run").json().at("jobs").size() == 1);
}

TEST_CASE("runs: every refusal of POST") {
  Bench t;
  const auto target = t.target();
  const auto refusal = [&](const json& changes) {
    auto body = t.run_body(target);
    body.update(changes);
    const auto a = t.ask("POST", "/scenarios/run", {.body = body.dump()});
    return std::to_string(a.status) + " " + a.json().at("error").get<std::string>();
  };
  CHECK(refusal({{"targetId", ""}}) == "400 bad_request");
  CHECK(refusal({{"environment", {{"A", 1}}}}) == "400 bad_request");
  CHECK(refusal({{"targetId", "nope"}}) == "404 not_found");
  CHECK(refusal({{"clusterName", "nope"}}) == "404 not_found");
  CHECK(refusal({{"clusterName", "both"}}) == "409 conflict");
  CHECK(refusal({{"runner", "nope"}}) == "422 unprocessable");
  CHECK(refusal({{"registry", "nope"}}) == "422 unprocessable");
  CHECK(refusal({{"scenarioImage", "quay.io/a:b"}}) == "422 unprocessable");
  CHECK(refusal({{"environment", {{"COUNT", "many"}}}}) == "422 unprocessable");
  CHECK(refusal({{"scenarioImage", "dir://nope"}, {"registry", "near"}}) == "404 not_found");
  CHECK(t.alpha->runs() == 0);
  CHECK(t.ask("GET", "/scenarios/run").json() == json::parse(R"({"jobs":[]})"));
  CHECK(t.route("POST", "/scenarios/run").body_bytes_max == 32u << 20);
}

TEST_CASE("runs: GET and DELETE of an unknown one") {
  Bench t;
  for (const char* method : {"GET", "DELETE"}) {
    const auto a = t.ask(method, "/scenarios/run/nope");
    CHECK(a.status == 404);
    CHECK(a.error() == "not_found: Job with ID 'nope' not found");
  }
}

TEST_CASE("runs: filters are exact and ANDed, pages follow each other") {
  Bench t;
  const auto target = t.target();
  auto body = t.run_body(target);
  for (const char* cluster : {"a", "localhost", "a"}) {
    body["clusterName"] = cluster;
    t.ask("POST", "/scenarios/run", {.body = body.dump()});
  }
  const auto count = [&](const std::string& query) { return t.ask("GET", "/scenarios/run", {.query = query}).json().at("jobs").size(); };
  CHECK(count("") == 3);
  CHECK(count("clusterName=a") == 2);
  CHECK(count("clusterName=a&scenarioName=hello&targetId=" + target) == 2);
  CHECK(count("clusterName=a&scenarioName=other") == 0);
  CHECK(count("clusterName=A") == 0);
  CHECK(count("status=Succeeded") == 0);
  CHECK(count("whatever=1") == 3);

  const auto first = t.ask("GET", "/scenarios/run", {.query = "limit=2"}).json();
  CHECK(first.at("jobs").size() == 2);
  const auto last = t.ask("GET", "/scenarios/run", {.query = "limit=2&continue=" + first.at("continue").get<std::string>()}).json();
  CHECK(last.at("jobs").size() == 1);
  CHECK_FALSE(last.contains("continue"));

  const auto refusal = [&](const std::string& query) { return t.ask("GET", "/scenarios/run", {.query = query}).error(); };
  CHECK(refusal("status=running") ==
        "bad_request: query parameter 'status' must be Pending, Running, Succeeded, Failed or Stopped, not 'running'");
  CHECK(refusal("limit=0") == "bad_request: query parameter 'limit' must be a whole number from 1 to 10000, not '0'");
  CHECK(refusal("limit=ten").substr(0, 12) == "bad_request:");
  CHECK(refusal("limit=-1").substr(0, 12) == "bad_request:");
  CHECK(refusal("limit=1&limit=2").substr(0, 12) == "bad_request:");
  CHECK(refusal("continue=nonsense").substr(0, 12) == "bad_request:");
}

TEST_CASE("runs: a runner that refuses to start leaves the reason in the record") {
  Bench t;
  t.alpha->fail_start(Error(Code::failed_precondition, "no room for it"));
  const auto refused = t.ask("POST", "/scenarios/run", {.body = t.run_body(t.target()).dump()});
  CHECK(refused.status == 422);
  CHECK(refused.error() == "unprocessable: no room for it");
}
