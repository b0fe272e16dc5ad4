#include "core/control/run_flow.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "core/base/ids.hpp"
#include "core/base/manual_clock.hpp"
#include "core/targets/local_targets.hpp"
#include "tests/unit/control/fake_registry.hpp"
#include "tests/unit/targets/fake_provider.hpp"
#include "tests/unit/targets/temporary_folder.hpp"

using namespace operon;
using namespace operon::control;
using nlohmann::json;

namespace {

/// The whole flow over instances in memory and a table that only remembers.
struct Bench {
  test::TemporaryFolder folder;
  test::FakeDirectory plugins;
  base::ManualClock clock;
  FlowSettings settings;
  std::map<std::string, jobs::Job, std::less<>> table;
  std::vector<jobs::StartCommand> started;
  std::optional<Error> start_error;
  bool unreadable = false;
  jobs::Freeze freeze;
  std::string records;  // of a plan
  std::unique_ptr<targets::Targets> targets;
  std::unique_ptr<RunFlow> flow;
  std::string target_id;

  Bench() {
    test::make_provider(*plugins.add("clusters"), {"c", "localhost"});
    test::make_registry(*plugins.add("registry"));
    runner("process", R"({"accepts":["dir"]})");
    runner("pods", R"({"accepts":["image"]})");
    targets =
        std::make_unique<targets::LocalTargets>(plugins.directory(), targets::file_store(folder.path()), clock, targets::TargetLimits{});
    target_id = targets->create();
    make();
  }
  void runner(const std::string& name, const std::string& attributes) {
    plugins.add(name, attributes)->on("operon.job-runner/1", "validate", [](const std::string& request, const test::FakeInstance::Emit&) {
      const auto environment = json::parse(request).value("environment", json::object());
      if (environment.contains("LD_PRELOAD")) throw Error(Code::failed_precondition, "LD_PRELOAD may not be set");
      return std::string("{}");
    });
  }
  void make() {
    JobPort port;
    port.get = [this](std::string_view id) -> std::optional<jobs::Job> {
      if (unreadable) throw Error(Code::data_loss, "the record is damaged");
      const auto it = table.find(id);
      return it == table.end() ? std::nullopt : std::optional(it->second);
    };
    port.start = [this](jobs::StartCommand command) {
      if (start_error) throw *start_error;
      table[command.job.id] = command.job;
      started.push_back(command);
      return jobs::Accepted{command.job, false};
    };
    port.frozen = [this] { return freeze; };
    port.plan = [this](jobs::StartCommand command) {
      command.request.timeout_seconds = command.job.timeout_seconds = 21600;
      return jobs::PlannedStart{std::move(command), records};
    };
    flow = std::make_unique<RunFlow>(plugins.directory(), *targets, port, settings);
  }
  json body() const { return {{"targetId", target_id}, {"clusterName", "c"}, {"scenarioImage", "dir://hello"}, {"scenarioName", "hello"}}; }
  jobs::Accepted start(const json& b, std::string_view key = {}) {
    return flow->start(parse_run_request(b.dump(), key, settings.limits), {"ada", "req-1"});
  }
  std::string refusal(const json& b, std::string_view key = {}) {
    try {
      start(b, key);
    } catch (const Error& e) {
      return std::to_string(static_cast<int>(e.code())) + ": " + e.what();
    }
    return "started";
  }
};

}  // namespace

TEST_CASE("a run carries everything that its runner needs") {
  Bench t;
  auto body = t.body();
  body["environment"] = {{"KEY", "sesame-sesame"}};
  body["files"] = json::array({{{"name", "f"}, {"content", "aGVsbG8="}, {"mountPath", "/data/f"}}});
  body["timeoutSeconds"] = 60;
  t.start(body);

  REQUIRE(t.started.size() == 1);
  const auto& [job, request, blobs] = t.started[0];
  CHECK(base::is_uuid(job.id));
  CHECK(job.runner == "process");
  CHECK(job.registry == "registry");
  CHECK(job.provider == "clusters");
  CHECK(job.user == "ada");
  CHECK(job.validated);
  CHECK(job.message.empty());
  CHECK(job.timeout_seconds == 60);
  CHECK(request.job_id == job.id);
  CHECK(request.object_name == "krkn-job-" + job.id);
  CHECK(request.target.kubeconfig == std::string(test::some_kubeconfig()));
  CHECK(request.target.cluster_api_url == "https://c");
  CHECK(request.environment.at("GREETING") == "hello");
  CHECK(request.secret_variables == std::vector<std::string>{"KEY"});
  CHECK(request.variables_known);
  CHECK(request.scenario_run == R"json({"argv":["echo","$(GREETING)"]})json");
  CHECK(request.kubeconfig_path == "/home/krkn/.kube/config");
  REQUIRE(request.files.size() == 1);
  CHECK(request.files[0].size == 5);
  CHECK(request.files[0].sha256 == base::sha256_hex("hello"));
  CHECK(*blobs.at(request.files[0].blob) == "hello");
  CHECK(t.plugins.instances[2]->last_blobs()->at(request.files[0].blob) == blobs.at(request.files[0].blob));
}

TEST_CASE("a secret value is hidden from what people read while the run lives, and also when it was never started") {
  Bench t;
  auto body = t.body();
  body["environment"] = {{"KEY", "sesame-sesame"}};
  t.start(body);
  CHECK(base::scrub("the key is sesame-sesame") == "the key is ***REDACTED***");
}

TEST_CASE("a start that failed leaves its secrets hidden: its record may hold words of the runner") {
  Bench t;
  auto body = t.body();
  body["environment"] = {{"KEY", "sesame-of-a-failed-run"}};
  t.start_error = Error(Code::unavailable, "the runner is away");
  CHECK(t.refusal(body).find("the runner is away") != std::string::npos);
  CHECK(base::scrub("the key is sesame-of-a-failed-run") == "the key is ***REDACTED***");
}

TEST_CASE("a record that cannot be read does not fail another run's start") {
  Bench t;
  auto body = t.body();
  body["environment"] = {{"KEY", "sesame-sesame"}};
  for (int i = 0; i < 40; ++i) {
    t.unreadable = i >= 10;
    CHECK(t.refusal(body) == "started");
  }
}

TEST_CASE("the runner is the request's, else the default's; one that cannot take the scenario is refused") {
  Bench t;
  t.settings.defaults.runner = "pods";
  t.make();
  CHECK(t.refusal(t.body()) == "9: runner 'pods' takes no dir:// scenarios (scenarioImage 'dir://hello'); runners that do: process");
  auto body = t.body();
  body["runner"] = "process";
  CHECK(t.start(body).job.runner == "process");
  body["runner"] = "nobody";
  CHECK(t.refusal(body) == "9: runner 'nobody' is not configured; known: process, pods");
  body["runner"] = "process";
  body["scenarioImage"] = "quay.io/krkn-chaos/krkn-hub:x";
  CHECK(t.refusal(body) ==
        "9: runner 'process' takes no container images (scenarioImage 'quay.io/krkn-chaos/krkn-hub:x'); runners that do: pods");
}

TEST_CASE("an unknown scenario runs unchecked and its job says so") {
  Bench t;
  auto body = t.body();
  body["scenarioImage"] = "quay.io/krkn-chaos/krkn-hub:x";
  body["runner"] = "pods";
  body["environment"] = {{"DB_PASSWORD", "correct-horse"}};
  const auto accepted = t.start(body);
  CHECK_FALSE(accepted.job.validated);
  CHECK(accepted.job.registry.empty());
  CHECK(accepted.job.message == "values were not checked: no registry knows this scenario");
  CHECK(t.started[0].request.secret_variables == std::vector<std::string>{"DB_PASSWORD"});
  CHECK_FALSE(t.started[0].request.variables_known);
}

TEST_CASE("an undeclared variable with a secret's name is secret, whether the fields are known or not; a declaration counts more") {
  Bench t;
  auto body = t.body();
  body["environment"] = {{"DB_PASSWORD", "correct-horse"}, {"KEY", "sesame-sesame"}, {"PLAIN", "x"}};
  t.start(body);
  const auto& request = t.started.at(0).request;
  CHECK(request.variables_known);
  CHECK(request.secret_variables == std::vector<std::string>{"KEY", "DB_PASSWORD"});
  CHECK(base::scrub("it is correct-horse") == "it is ***REDACTED***");
  const auto plan = t.flow->plan(parse_run_request(body.dump(), "", t.settings.limits), {"ada", "req-1"});
  CHECK(plan.start.request.environment.at("DB_PASSWORD") == "***");
  CHECK(plan.start.request.environment.at("PLAIN") == "x");

  t.plugins.instances[1]->on("operon.scenario-registry/1", "detail", [](const std::string&, const test::FakeInstance::Emit&) {
    return std::string(R"({"summary":{"name":"hello","reference":"dir://hello"},"title":"","description":"","fields":[
      {"name":"policy","type":"string","variable":"DB_PASSWORD","secret":false}]})");
  });
  body["environment"] = {{"DB_PASSWORD", "at least eight letters"}};
  t.start(body);
  CHECK(t.started.at(1).request.secret_variables.empty());
}

TEST_CASE("nothing is recorded when a check fails") {
  Bench t;
  auto body = t.body();
  body["environment"] = {{"COUNT", "many"}};
  CHECK(t.refusal(body).substr(0, 2) == "9:");
  body["environment"] = {{"LD_PRELOAD", "x"}};
  CHECK(t.refusal(body) == "9: LD_PRELOAD may not be set");
  body = t.body();
  body["clusterName"] = "other";
  CHECK(t.refusal(body) == "5: Kubeconfig for cluster 'other' not found in secret");
  body["targetId"] = "nope";
  CHECK(t.refusal(body) == "5: Secret with id 'nope' not found");
  CHECK(t.started.empty());
}

TEST_CASE("a target without a kubeconfig is passed on without one") {
  Bench t;
  auto body = t.body();
  body["clusterName"] = "localhost";
  t.start(body);
  CHECK_FALSE(t.started.at(0).request.target.kubeconfig.has_value());
}

TEST_CASE("the job id follows from the idempotency key, and a repeat is answered from the record") {
  Bench t;
  const auto first = t.start(t.body(), "key-1");
  CHECK(first.job.id == base::uuid_v5("default", "key-1"));
  CHECK_FALSE(first.repeated);

  t.plugins.instances.clear();  // whatever became of the plugins since
  const auto second = t.start(t.body(), "key-1");
  CHECK(second.repeated);
  CHECK(second.job.id == first.job.id);
  auto other = t.body();
  other["environment"] = {{"COUNT", "5"}};
  CHECK(t.refusal(other, "key-1") ==
        "9: idempotencyKey was used before with another body (job " + first.job.id + "): use a new key for a new run");
  CHECK(t.started.size() == 1);
}

TEST_CASE("credentials of an own registry go to the runner and are hidden") {
  Bench t;
  t.plugins.add("oci", R"({"adhoc":true})");
  test::make_registry(*t.plugins.instances.back());
  auto body = t.body();
  body["registryUrl"] = "r.example";
  body["scenarioRepository"] = "a/b";
  body["token"] = "canary-of-the-registry";
  t.start(body);
  REQUIRE(t.started.at(0).request.pull);
  CHECK(t.started[0].request.pull->token == "canary-of-the-registry");
  CHECK(base::scrub("canary-of-the-registry") == "***REDACTED***");
}

TEST_CASE("a registry of the request's own: only an allowed one, and only so many at once; a run on record waits elsewhere") {
  Bench t;
  t.plugins.add("oci", R"({"adhoc":true})");
  t.settings.images.allowed_registries = {"r.example"};
  t.settings.own_registry_calls_max = 1;
  t.make();
  auto body = t.body();
  body["registryUrl"] = "evil.example";
  body["scenarioRepository"] = "a/b";
  CHECK(t.refusal(body).find("9: registryUrl 'evil.example' with scenarioRepository 'a/b' is no registry that this host may ask") == 0);
  CHECK(t.plugins.instances.back()->calls("detail") == 0);

  body["registryUrl"] = "r.example";
  std::string meanwhile;
  bool prepared = false;
  t.plugins.instances.back()->on("operon.scenario-registry/1", "detail",
                                 [&](const std::string&, const test::FakeInstance::Emit&) -> std::string {
                                   if (meanwhile.empty()) {
                                     meanwhile = t.refusal(body);
                                     t.flow->prepare(parse_run_request(body.dump(), "", t.settings.limits), {"ada", ""}, "job");
                                     prepared = true;
                                   }
                                   throw Error(Code::failed_precondition, "not here");
                                 });
  CHECK(t.refusal(body) == "started");
  CHECK(meanwhile.find("8: 1 requests wait for registries that they name themselves") == 0);
  CHECK(prepared);
  CHECK(t.refusal(body) == "started");
}

TEST_CASE("a plan tells what a start would do, asks the runner without any secret, and starts nothing") {
  Bench t;
  std::string asked;
  t.plugins.instances[2]->on("operon.job-runner/1", "plan", [&asked](const std::string& request, const test::FakeInstance::Emit&) {
    asked = request;
    return std::string(R"({"objects":[{"kind":"Pod"}]})");
  });
  auto body = t.body();
  body["environment"] = {{"KEY", "sesame-sesame"}};
  body["files"] = json::array({{{"name", "f"}, {"content", "aGVsbG8="}, {"mountPath", "/data/f"}}});
  const auto plan = t.flow->plan(parse_run_request(body.dump(), "", t.settings.limits), {"ada", "req-1"});
  CHECK(t.started.empty());
  CHECK(t.table.empty());
  CHECK(plan.objects == R"([{"kind":"Pod"}])");
  CHECK(plan.start.job.timeout_seconds == 21600);
  CHECK(json::parse(asked)["timeoutSeconds"] == 21600);
  CHECK_FALSE(plan.repeats);
  CHECK(plan.start.job.runner == "process");
  CHECK(plan.start.request.environment == std::map<std::string, std::string>{{"GREETING", "hello"}, {"KEY", "***"}, {"LEVEL", "low"}});
  const auto request = json::parse(asked);
  CHECK(request["environment"]["KEY"] == "***");
  CHECK(request["target"]["kubeconfig"] == "***");
  CHECK(asked.find("sesame") == std::string::npos);
  CHECK(t.plugins.instances[2]->last_blobs()->empty());
}

TEST_CASE("where a record is an object, a plan shows it before what the runner makes, and without a runner that can tell") {
  Bench t;
  t.records = R"([{"kind":"Run"},{"kind":"Secret"}])";
  const auto objects = [&t] { return t.flow->plan(parse_run_request(t.body().dump(), "", t.settings.limits), {"ada", "req-1"}).objects; };
  CHECK(objects() == t.records);
  t.plugins.instances[2]->on("operon.job-runner/1", "plan", [](const std::string&, const test::FakeInstance::Emit&) {
    return std::string(R"({"objects":[{"kind":"Pod"}]})");
  });
  CHECK(objects() == R"([{"kind":"Run"},{"kind":"Secret"},{"kind":"Pod"}])");
}

TEST_CASE("a plan refuses what a start would refuse") {
  Bench t;
  const auto refusal = [&](const json& body, std::string_view key = {}) {
    try {
      t.flow->plan(parse_run_request(body.dump(), key, t.settings.limits), {"ada", "req-1"});
    } catch (const Error& e) {
      return std::to_string(static_cast<int>(e.code())) + ": " + e.what();
    }
    return std::string("planned");
  };
  auto body = t.body();
  CHECK(refusal(body) == "planned");  // by a runner without the verb, too
  body["environment"] = {{"LD_PRELOAD", "x"}};
  CHECK(refusal(body) == t.refusal(body));
  body["environment"] = {{"COUNT", "many"}};
  CHECK(refusal(body) == t.refusal(body));
  body = t.body();
  body["clusterName"] = "nowhere";
  CHECK(refusal(body) == t.refusal(body));
  t.freeze = {true, "release day", "ann"};
  CHECK(refusal(t.body()).find("14: frozen by ann: release day") == 0);
  t.freeze = {};
  t.plugins.instances[2]->on("operon.job-runner/1", "plan",
                             [](const std::string&, const test::FakeInstance::Emit&) { return std::string("nonsense"); });
  CHECK(refusal(t.body()).find("14: job runner 'process' answered 'plan' with something that is not what the interface says") == 0);
}

TEST_CASE("the plan of a run that is there already under its key shows that run") {
  Bench t;
  const auto first = t.start(t.body(), "key-1");
  t.freeze = {true, "release day", "ann"};  // a repetition is answered all the same
  const auto plan = t.flow->plan(parse_run_request(t.body().dump(), "key-1", t.settings.limits), {"ada", "req-1"});
  CHECK(plan.repeats);
  CHECK(plan.start.job.id == first.job.id);
}

TEST_CASE("an image of a registry that is not allowed starts nothing, and one that is pinned is recorded so") {
  Bench t;
  const std::string digest = "sha256:" + std::string(64, 'a');
  t.plugins.add("oci")->on("operon.scenario-registry/1", "detail", [digest](const std::string& request, const test::FakeInstance::Emit&) {
    if (json::parse(request).value("reference", "") != "r.example/a:1") throw Error(Code::not_found, "no such image");
    return json{{"summary", {{"name", "1"}, {"reference", "r.example/a:1"}, {"digest", digest}}},
                {"title", "A"},
                {"description", ""},
                {"fields", json::array()}}
        .dump();
  });
  t.settings.images = {{"r.example"}, false};
  t.make();
  auto body = t.body();
  body["runner"] = "pods";
  body["scenarioImage"] = "evil.example/a:1";
  CHECK(t.refusal(body).find("9: scenarioImage 'evil.example/a:1' is of no registry that this host may run images of") == 0);
  CHECK(t.started.empty());
  body["scenarioImage"] = "r.example/a:1";
  CHECK(t.refusal(body) == "started");
  CHECK(t.started.back().request.scenario_image == "r.example/a:1");
  body["scenarioDigest"] = digest;
  CHECK(t.refusal(body) == "started");
  CHECK(t.started.back().request.scenario_image == "r.example/a@" + digest);
  CHECK(t.started.back().job.scenario_image == "r.example/a@" + digest);
  body["scenarioDigest"] = "sha256:0";
  CHECK(t.refusal(body).find("was shown with scenarioDigest sha256:0, and registry 'oci' has " + digest + " now") != std::string::npos);
}

TEST_CASE("with digests pinned, a registry that does not answer holds the run back, and one without digests is told of") {
  Bench t;
  t.settings.images.pin_digests = true;
  t.make();
  auto body = t.body();
  body["runner"] = "pods";
  body["scenarioImage"] = "r.example/a:1";
  CHECK(t.refusal(body) == "started");
  CHECK(
      t.started.back().job.message ==
      "values were not checked: no registry knows this scenario; the image runs by its tag (scenarios.pin_digests): no registry knows it");
  test::make_dead_registry(*t.plugins.add("dead"));
  CHECK(
      t.refusal(body) ==
      "14: scenarioImage 'r.example/a:1' cannot be pinned to its digest, as scenarios.pin_digests wants: no answer from registry dead; try "
      "again when it answers, or name the image by its digest");
  body["scenarioImage"] = "r.example/a@sha256:" + std::string(64, 'b');
  CHECK(t.refusal(body) == "started");
  CHECK(t.started.back().job.message == "values were not checked: no registry that answered knows this scenario (no answer from dead)");

  t.plugins.add("oci")->on("operon.scenario-registry/1", "detail", [](const std::string&, const test::FakeInstance::Emit&) {
    return std::string(R"({"summary":{"name":"1","reference":"r.example/a:1"},"title":"A","description":"","fields":[]})");
  });
  body["scenarioImage"] = "r.example/a:1";
  CHECK(t.refusal(body) == "started");
  CHECK(t.started.back().job.message == "the image runs by its tag (scenarios.pin_digests): registry 'oci' tells no digest");
  body = t.body();
  CHECK(t.refusal(body) == "started");
  CHECK(t.started.back().job.message.empty());  // no image
}

TEST_CASE("what the runner was refused is no refusal of the caller") {
  Bench t;
  t.start_error.emplace(Code::permission_denied, "pods is forbidden");
  CHECK(t.refusal(t.body()) == "14: pods is forbidden");
}
