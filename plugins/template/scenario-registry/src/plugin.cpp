/// @NAME@: a scenario registry that knows the scenarios of its configuration.
#include <map>
#include <mutex>

#include "operon/sdk.hpp"
#include "operon/sdk/scenario_registry.hpp"

using namespace operon::sdk;
using operon::Code;
using operon::Error;
using operon::members::read;
using operon::members::require;

class @CLASS@ : public ScenarioRegistry {
 public:
  /// Already valid against schema.json. What is thrown here keeps the configuration before in force.
  void configure(Call&, const nlohmann::json& configuration) override {
    std::map<std::string, Scenario> scenarios;
    for (const auto& entry : configuration.value("scenarios", nlohmann::json::array())) {
      Scenario scenario;
      int64_t seconds = 60;
      require(entry, "name", scenario.summary.name);
      read(entry, "title", scenario.title);
      read(entry, "description", scenario.description);
      read(entry, "seconds", seconds);
      // What stands before "://" says which runners can take it: `dir` is for those that run an `argv`, such as runner-process.
      scenario.summary.reference = "dir://" + scenario.summary.name;
      scenario.run = nlohmann::json{{"argv", entry.at("argv")}}.dump();
      scenario.fields.push_back(duration(seconds));
      scenarios[scenario.summary.name] = std::move(scenario);
    }
    const std::lock_guard lock(mutex_);
    scenarios_ = std::move(scenarios);
  }

  std::vector<Summary> list(Call&, const ScenarioListRequest&) override {
    const std::lock_guard lock(mutex_);
    std::vector<Summary> all;
    for (const auto& [name, scenario] : scenarios_) all.push_back(scenario.summary);
    return all;
  }

  /// By name or by reference: a run names its scenario by reference.
  Scenario detail(Call&, const ScenarioRequest& request) override {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, scenario] : scenarios_) {
      if (name == request.name || (request.name.empty() && scenario.summary.reference == request.reference)) return scenario;
    }
    throw Error(Code::not_found, "no scenario '" + (request.name.empty() ? request.reference : request.name) + "' here");
  }

  Scenario globals(Call&, const ScenarioRequest& request) override {
    throw Error(Code::not_found, "scenario '" + request.name + "' has no globals");
  }

 private:
  static operon::fields::Field duration(int64_t seconds) {
    operon::fields::Field field;
    field.name = "duration";
    field.type = operon::fields::Type::number;
    field.variable = "DURATION";
    field.description = "How long, in seconds";
    field.default_value = std::to_string(seconds);
    return field;
  }

  std::mutex mutex_;  // verbs are called on several threads
  std::map<std::string, Scenario> scenarios_;
};

OPERON_PLUGIN(@CLASS@, "@NAME@", "0.1.0")
