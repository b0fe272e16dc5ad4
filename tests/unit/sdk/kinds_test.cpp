/// The JSON of the kinds, as text that must never change its meaning.
#include <catch2/catch.hpp>

#include "operon/kinds/job_runner_json.hpp"
#include "operon/kinds/scenario_registry_json.hpp"
#include "operon/kinds/target_provider_json.hpp"

using namespace operon;
using nlohmann::json;

TEST_CASE("a full start request comes back as it went") {
  const auto text = json::parse(R"({
    "jobId": "j", "objectName": "krkn-job-j",
    "target": {"id": "t", "provider": "p", "clusterName": "c", "clusterApiUrl": "https://c", "kubeconfig": "apiVersion: v1"},
    "scenarioName": "s", "scenarioImage": "dir://s", "scenarioRun": {"argv": ["true"]},
    "declaredVariables": ["A"], "variablesKnown": true, "environment": {"A": "1"}, "secretVariables": ["A"], "kubeconfigPath": "/k",
    "files": [{"name": "f", "mountPath": "/f", "blob": "b", "size": 3, "sha256": "00"}],
    "pull": {"registryUrl": "r", "repository": "q", "username": "u", "password": "w", "token": "", "skipTls": true, "insecure": false},
    "timeoutSeconds": 60, "owner": {"apiVersion": "operon.dev/v1alpha1", "kind": "Run", "name": "n", "uid": "u"}})");
  const auto request = text.get<kinds::job_runner::StartRequest>();
  CHECK(request.pull->skip_tls);
  CHECK(request.files.at(0).size == 3);
  CHECK(json(request) == text);
}

TEST_CASE("a run's state: absent optionals stay out, the phase is the contract's word") {
  using namespace kinds::job_runner;
  RunState state;
  state.job_id = "j";
  CHECK(json(state) == json::parse(R"({"jobId": "j", "phase": "Pending", "message": ""})"));
  state.handle = Handle{2, "pid"};
  state.exit_code = 137;
  state.phase = Phase::failed;
  CHECK(json(state)["handle"] == json{{"version", 2}, {"state", "pid"}});
  const auto back = json(state).get<RunState>();
  CHECK(back.exit_code == 137);
  CHECK(back.phase == Phase::failed);
  CHECK_THROWS_WITH(json::parse(R"({"jobId": "j", "phase": "running"})").get<RunState>(),
                    "`phase`: must be Pending, Running, Succeeded, Failed or Stopped, not 'running'");
  for (const auto phase : {Phase::pending, Phase::running, Phase::succeeded, Phase::failed, Phase::stopped}) {
    CHECK(phase_from_string(to_string(phase)) == phase);
  }
}

TEST_CASE("a scenario with its fields and what to run") {
  using namespace kinds::scenario_registry;
  const auto text = json::parse(R"({
    "summary": {"name": "s", "reference": "dir://s", "size": 5, "lastModified": "2024-01-01T00:00:00Z"},
    "title": "T", "description": "D", "run": {"argv": ["a"]},
    "fields": [{"name": "n", "type": "number", "variable": "N", "required": true}]})");
  const auto scenario = text.get<Scenario>();
  CHECK(scenario.fields.at(0).required);
  CHECK(json(scenario) == text);
  CHECK_THROWS_WITH(json::object().get<ScenarioRequest>(), "`name`: is required when there is no `reference`");
}
