/// What the SDK's structs write is what api/schemas says, and what api/schemas refuses the structs refuse too.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "operon/kinds/job_runner_json.hpp"
#include "operon/kinds/scenario_registry_json.hpp"
#include "operon/kinds/target_provider_json.hpp"

using namespace operon::kinds;
using nlohmann::json;

namespace {

std::filesystem::path schema_dir() {
  return std::filesystem::path(std::getenv("OPERON_SOURCE_DIR")) / "api" / "schemas";
}

json read(const std::string& name) {
  std::ifstream in(schema_dir() / name);
  REQUIRE(in);
  return json::parse(in);
}

bool meets(json schema, const json& definitions, const json& value) {
  schema["definitions"] = definitions;
  valijson::Schema parsed;
  valijson::SchemaParser parser;
  const valijson::adapters::NlohmannJsonAdapter schema_adapter(schema);
  parser.populateSchema(schema_adapter, parsed);
  valijson::Validator validator;
  const valijson::adapters::NlohmannJsonAdapter target(value);
  valijson::ValidationResults results;
  const bool ok = validator.validate(parsed, target, &results);
  valijson::ValidationResults::Error error;
  std::string why;
  while (results.popError(error)) why += error.description + "; ";
  INFO(value.dump() << " " << why);
  return ok;
}

/// One file of a kind.
struct Kind {
  json document;
  explicit Kind(const std::string& file) : document(read(file)) {}
  bool accepts(const char* verb, const char* part, const json& value) const {
    return meets(document["verbs"][verb].at(part), document.value("definitions", json::object()), value);
  }
};

/// Every member set, so that nothing can hide behind an absent optional.
job_runner::StartRequest full_start() {
  job_runner::StartRequest r;
  r.job_id = "j";
  r.object_name = "krkn-job-j";
  r.target = {"t", "p", "c", "u", "kubeconfig"};
  r.scenario_name = r.scenario_image = "s";
  r.scenario_run = R"({"argv": ["x"]})";
  r.declared_variables = {"A"};
  r.environment = {{"A", "1"}};
  r.secret_variables = {"A"};
  r.files = {{"f", "/f", "b", 1, "00"}};
  r.pull = job_runner::PullCredentials{"r", "q", "u", "w", "t", true, true};
  r.timeout_seconds = 1;
  return r;
}

/// Members that `value` has and the schema does not name; a schema that forgets one would accept anything there.
void all_named(const json& document, json schema, const json& value, const std::string& at) {
  if (schema.contains("$ref")) schema = document["definitions"][schema["$ref"].get<std::string>().substr(14)];
  if (!value.is_object() || !schema.contains("properties")) return;
  for (const auto& [name, member] : value.items()) {
    INFO(at << "." << name);
    REQUIRE(schema["properties"].contains(name));
    auto next = schema["properties"][name];
    all_named(document, member.is_array() && next.contains("items") ? next["items"] : next,
              member.is_array() && !member.empty() ? member[0] : member, at + "." + name);
  }
}

}  // namespace

TEST_CASE("job runner: structs and schemas agree") {
  using namespace job_runner;
  const Kind kind("operon.job-runner.v1.json");
  RunState state{"j", Handle{1, "s"}, Phase::failed, 1, 2, 3, "m"};
  const std::tuple<const char*, const char*, json> table[] = {{"validate", "request", full_start()},
                                                              {"plan", "request", full_start()},
                                                              {"plan", "answer", Plan{R"([{"kind":"Pod"}])"}},
                                                              {"plan", "answer", Plan{}},
                                                              {"start", "request", full_start()},
                                                              {"start", "request", StartRequest{}},
                                                              {"start", "answer", state},
                                                              {"start", "answer", RunState{}},
                                                              {"list", "request", ListRequest{}},
                                                              {"list", "item", state},
                                                              {"inspect", "request", RunRequest{"j", Handle{1, "s"}}},
                                                              {"inspect", "answer", state},
                                                              {"logs", "request", LogsRequest{"j", Handle{1, "s"}, 5, true}},
                                                              {"logs", "event", LogEvent{1, 2}},
                                                              {"logs", "answer", LogsAnswer{7}},
                                                              {"stop", "request", StopRequest{"j", Handle{1, "s"}, 5}},
                                                              {"stop", "answer", state},
                                                              {"recover", "request", RunRequest{"j", {}}},
                                                              {"recover", "answer", state},
                                                              {"destroy", "request", RunRequest{"j", {}}}};
  for (const auto& [verb, part, value] : table) {
    INFO(verb << " " << part);
    CHECK(kind.accepts(verb, part, value));
    all_named(kind.document, kind.document["verbs"][verb][part], value, verb);
  }
  for (const auto* verb :
       {verb::validate, verb::plan, verb::start, verb::list, verb::inspect, verb::logs, verb::stop, verb::recover, verb::destroy}) {
    CHECK(kind.document["verbs"].contains(verb));
  }
  CHECK(kind.document["verbs"].size() == 9);
  CHECK(kind.document["$id"] == job_runner::id);
}

TEST_CASE("target provider: structs and schemas agree") {
  using namespace target_provider;
  const Kind kind("operon.target-provider.v1.json");
  const std::tuple<const char*, const char*, json> table[] = {
      {"list", "request", ListRequest{}},        {"list", "item", Cluster{"c", "u"}},
      {"get", "request", ClusterRequest{"c"}},   {"get", "answer", ClusterAccess{"c", "u", "k"}},
      {"probe", "request", ClusterRequest{"c"}}, {"probe", "answer", ProbeAnswer{true, "m"}}};
  for (const auto& [verb, part, value] : table) {
    CHECK(kind.accepts(verb, part, value));
    all_named(kind.document, kind.document["verbs"][verb][part], value, verb);
  }
  CHECK(kind.document["$id"] == target_provider::id);
}

TEST_CASE("scenario registry: structs and schemas agree") {
  using namespace scenario_registry;
  const Kind kind("operon.scenario-registry.v1.json");
  operon::fields::Field field;
  field.name = "n";
  field.variable = field.short_description = field.description = field.default_value = field.validator = field.validation_message = "x";
  field.separator = field.allowed_values = field.mount_path = field.requires_ = field.mutually_excludes = field.group = "x";
  field.required = field.secret = true;
  const AdhocRegistry registry{"r", "q", "u", "p", "t", true, true};
  const Scenario scenario{{"n", "dir://n", "sha256:0", 1, "2024-01-01T00:00:00Z"}, "t", "d", {field}, R"({"argv": []})"};
  const std::tuple<const char*, const char*, json> table[] = {{"list", "request", ListRequest{registry}},
                                                              {"list", "item", scenario.summary},
                                                              {"detail", "request", ScenarioRequest{"n", "", registry}},
                                                              {"detail", "answer", scenario},
                                                              {"globals", "request", ScenarioRequest{"", "dir://n", {}}},
                                                              {"globals", "answer", scenario}};
  for (const auto& [verb, part, value] : table) {
    CHECK(kind.accepts(verb, part, value));
    all_named(kind.document, kind.document["verbs"][verb][part], value, verb);
  }
  CHECK(kind.document["$id"] == scenario_registry::id);
}

TEST_CASE("what the schema refuses the struct refuses too") {
  using namespace job_runner;
  const Kind kind("operon.job-runner.v1.json");
  const auto refused_by_both = [&](json broken) {
    CHECK_FALSE(kind.accepts("start", "request", broken));
    CHECK_THROWS_AS(broken.get<StartRequest>(), operon::Error);
  };
  const json whole = full_start();
  for (const auto& [name, value] : whole.items()) {
    if (name == "scenarioRun") continue;  // any JSON
    json broken = whole;
    broken[name] = value.is_string() ? json(5) : json("text");
    INFO(name);
    refused_by_both(broken);
  }
  for (const auto* required : {"jobId", "target", "scenarioName", "scenarioImage"}) {
    json broken = whole;
    broken.erase(required);
    INFO(required);
    refused_by_both(broken);
  }
}

TEST_CASE("every schema file is draft-07 and complete") {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(schema_dir())) {
    if (entry.path().extension() != ".json" || !entry.path().filename().string().starts_with("operon.")) continue;
    ++files;
    const json document = read(entry.path().filename().string());
    INFO(entry.path().filename());
    CHECK(document["$schema"] == "http://json-schema.org/draft-07/schema#");
    std::string name = document["$id"];
    name.replace(name.find('/'), 1, ".v");
    CHECK(entry.path().filename() == name + ".json");
    for (const auto& [verb, parts] : document["verbs"].items()) {
      INFO(verb);
      CHECK(parts.contains("description"));
      for (const char* part : {"request", "answer"})
        CHECK(meets(parts.at(part), document.value("definitions", json::object()), json(5)) == false);
    }
  }
  CHECK(files >= 8);
}
