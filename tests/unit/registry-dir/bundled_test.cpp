#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "operon/error.hpp"
#include "operon/fields/validate.hpp"
#include "scenario_folder.hpp"

namespace registry_dir {
namespace {

TEST_CASE("every bundled scenario is whole: typed fields with sound defaults, and only declared variables") {
  std::vector<std::string> skipped, names;
  ScenarioFolder folder(SCENARIOS, [&](const std::string&, const std::string& reason) { skipped.push_back(reason); });
  for (const auto& entry : folder.list()) {
    INFO(entry->name);
    names.push_back(entry->name);
    const auto& fields = entry->scenario.texts.fields;
    CHECK_FALSE(entry->scenario.texts.description.empty());
    std::set<std::string> variables;
    for (const auto& field : fields) {
      variables.insert(*field.variable);
      CHECK(field.short_description);
      CHECK((field.required || field.default_value));
      if (field.type == operon::fields::Type::string) CHECK(field.validator);
    }
    const std::regex reference("\\$\\(([A-Z_]+)\\)");
    const std::string run = entry->scenario.run;
    std::set<std::string> used;
    for (std::sregex_iterator at(run.begin(), run.end(), reference), end; at != end; ++at) used.insert((*at)[1]);
    CHECK(used == variables);
  }
  CHECK(skipped.empty());
  CHECK(names == std::vector<std::string>{"cpu-hog", "disk-fill", "hello", "http-probe", "memory-hog", "process-kill"});
}

TEST_CASE("no value of a bundled scenario becomes an option") {
  ScenarioFolder folder(SCENARIOS, [](const auto&, const auto&) {});
  for (const auto& entry : folder.list()) {
    const auto run = nlohmann::json::parse(entry->scenario.run);
    for (const auto& argument : run["argv"]) {
      INFO(entry->name << " " << argument);
      CHECK(argument.get<std::string>().rfind("$(", 0) != 0);  // always --name=$(VARIABLE)
    }
  }
  auto refused = [&](const char* scenario, std::map<std::string, std::string> environment) {
    try {
      operon::fields::validate(folder.find(scenario)->scenario.texts.fields, {std::move(environment), {}});
    } catch (const operon::Error&) {
      return true;
    }
    return false;
  };
  CHECK(refused("process-kill", {{"PROCESS", "-9"}}));
  CHECK(refused("process-kill", {{"PROCESS", ""}}));
  CHECK(refused("process-kill", {{"PROCESS", "a b"}}));
  CHECK_FALSE(refused("process-kill", {{"PROCESS", "nginx"}}));
  CHECK(refused("http-probe", {{"URL", "file:///etc/passwd"}}));
  CHECK(refused("http-probe", {{"URL", "-K/etc/passwd"}}));
  CHECK(refused("disk-fill", {{"DIRECTORY", "-x"}}));
  CHECK(refused("memory-hog", {{"SIZE", "-1"}}));
  CHECK(refused("hello", {{"NAME", "a\nb"}}));
  CHECK(refused("hello", {{"COUNT", "5; id"}}));
}

}  // namespace
}  // namespace registry_dir
