#include "core/control/scenario_facts.hpp"

#include <catch2/catch.hpp>

#include "operon/error.hpp"
#include "tests/unit/control/fake_registry.hpp"

using namespace operon;
using namespace operon::control;
using namespace std::chrono_literals;

namespace {

struct Bench {
  test::FakeDirectory plugins;
  Defaults defaults;
  Validation validation = Validation::best_effort;
  RunRequest request;

  Bench() { request.scenario_image = "dir://hello"; }
  ScenarioFacts ask() {
    const auto directory = plugins.directory();
    return find_scenario({directory, defaults, validation, 1s, "request"}, request);
  }
  std::string refusal() {
    try {
      ask();
    } catch (const Error& e) {
      return std::to_string(static_cast<int>(e.code())) + ": " + e.what();
    }
    return "none";
  }
};

std::string value_refusal(const ScenarioFacts& facts, const RunRequest& request) {
  try {
    check_values(facts, request);
  } catch (const Error& e) {
    return std::to_string(static_cast<int>(e.code())) + " " + e.field();
  }
  return "none";
}

}  // namespace

TEST_CASE("what fields require of each other and exclude holds for a run, and no value is quoted") {
  ScenarioFacts facts;
  facts.known = true;
  for (const char* name : {"user", "password", "token"}) {
    fields::Field field;
    field.name = name;
    field.variable = name;
    field.secret = true;
    facts.fields.push_back(field);
  }
  facts.fields[0].requires_ = "password";
  facts.fields[2].mutually_excludes = "user";
  const auto said = [&](const std::map<std::string, std::string>& environment) {
    RunRequest request;
    request.environment = environment;
    try {
      check_values(facts, request);
    } catch (const Error& e) {
      return std::to_string(static_cast<int>(e.code())) + " " + e.field() + " " + e.what();
    }
    return std::string("taken");
  };
  CHECK(said({{"user", "canary-1"}, {"password", "canary-2"}}) == "taken");
  CHECK(said({{"user", "canary-1"}}) == "9 environment.user field 'user': `requires`: field 'password' must be given too");
  CHECK(said({{"user", "canary-1"}, {"password", "canary-2"}, {"token", "canary-3"}}) ==
        "9 environment.token field 'token': `mutually_excludes`: cannot be given together with field 'user'");
}

TEST_CASE("any registry may hold the scenario; the default one is asked first") {
  Bench t;
  test::make_dead_registry(*t.plugins.add("empty"), Code::not_found);
  test::make_registry(*t.plugins.add("one"), "One");
  test::make_registry(*t.plugins.add("two"), "Two");
  CHECK(t.ask().registry == "one");
  t.defaults.registry = "two";
  const auto facts = t.ask();
  CHECK(facts.known);
  CHECK(facts.registry == "two");
  CHECK(facts.run == R"json({"argv":["echo","$(GREETING)"]})json");
  CHECK(declared_variables(facts) == std::vector<std::string>{"GREETING", "COUNT", "KEY", "LEVEL"});
  t.request.registry = "one";
  CHECK(t.ask().registry == "one");
}

TEST_CASE("a scenario that nobody knows runs unchecked, unless validation is required") {
  Bench t;
  test::make_registry(*t.plugins.add("one"));
  t.request.scenario_image = "quay.io/some/image:tag";
  CHECK_FALSE(t.ask().known);
  CHECK(t.ask().why_unknown == "no registry knows this scenario");
  t.validation = Validation::required;
  CHECK(t.refusal() == "9: scenarioImage 'quay.io/some/image:tag': no registry knows this scenario, and validation is required here");
}

TEST_CASE("a registry that is away does not keep a known scenario from running") {
  Bench t;
  test::make_dead_registry(*t.plugins.add("dead"));
  test::make_registry(*t.plugins.add("one"));
  CHECK(t.ask().registry == "one");
  t.request.scenario_image = "dir://other";
  CHECK(t.ask().why_unknown == "no registry that answered knows this scenario (no answer from dead)");
  t.validation = Validation::required;
  CHECK(t.refusal().substr(0, 3) == "14:");
}

TEST_CASE("a registry that the request names answers for itself") {
  Bench t;
  test::make_registry(*t.plugins.add("one"));
  test::make_dead_registry(*t.plugins.add("dead"), Code::permission_denied);
  t.request.registry = "one";
  t.request.scenario_image = "dir://other";
  CHECK(t.refusal() == "5: Scenario 'dir://other' not found in registry 'one'");
  t.request.registry = "dead";
  CHECK(t.refusal() == "14: the registry is away");
  t.request.registry = "nobody";
  CHECK(t.refusal() == "9: registry 'nobody' is not configured; known: one, dead");
}

TEST_CASE("a registry of the request's own reaches the instance that takes it, with its keys") {
  Bench t;
  test::make_registry(*t.plugins.add("dir"));
  test::make_registry(*t.plugins.add("oci", R"({"adhoc":true})"));
  t.request.own_registry = kinds::scenario_registry::AdhocRegistry{"r.example", "a/b", "", "", "t", false, false};
  CHECK(t.ask().registry == "oci");
  CHECK(t.plugins.instances[1]->last_request("detail").find("\"r.example\"") != std::string::npos);
  CHECK(t.plugins.instances[0]->calls("detail") == 0);
}

TEST_CASE("values are checked, defaulted, and a bad one is named by its variable") {
  Bench t;
  test::make_registry(*t.plugins.add("one"));
  const auto facts = t.ask();
  t.request.environment = {{"KEY", "sesame-sesame"}};
  const auto values = check_values(facts, t.request);
  CHECK(values.environment.at("GREETING") == "hello");
  CHECK(values.environment.at("LEVEL") == "low");
  CHECK(values.environment.count("COUNT") == 0);
  CHECK(values.secret_variables == std::vector<std::string>{"KEY"});

  t.request.environment = {{"COUNT", "many"}};
  CHECK(value_refusal(facts, t.request) == "9 environment.COUNT");
  t.request.environment = {{"LEVEL", "middle"}};
  CHECK(value_refusal(facts, t.request) == "9 environment.LEVEL");
}

TEST_CASE("globals that make no sense leave the scenario's own fields to be checked") {
  Bench t;
  t.validation = Validation::required;
  auto& broken = *t.plugins.add("one");
  test::make_registry(broken);
  broken.on(kinds::scenario_registry::id, "globals", [](const std::string&, const test::FakeInstance::Emit&) -> std::string {
    throw Error(Code::data_loss, "label krknctl.input_fields.global is not JSON");
  });
  const auto facts = t.ask();
  CHECK(facts.known);
  CHECK(facts.globals.empty());
  t.request.environment = {{"COUNT", "many"}};
  CHECK(value_refusal(facts, t.request) == "9 environment.COUNT");
}

TEST_CASE("an image carries its globals' defaults itself, so they are not added") {
  Bench t;
  test::make_registry(*t.plugins.add("one"));
  auto facts = t.ask();
  facts.run.clear();
  CHECK(check_values(facts, t.request).environment.count("LEVEL") == 0);
  t.request.environment = {{"LEVEL", "middle"}};
  CHECK(value_refusal(facts, t.request) == "9 environment.LEVEL");
}
