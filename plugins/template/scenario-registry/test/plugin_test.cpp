#include "check.hpp"
#include "operon/sdk/scenario_registry.hpp"
#include "operon/testing/host.hpp"

using namespace operon::sdk;

constexpr auto registry = operon::kinds::scenario_registry::id;

static void scenarios_are_listed_and_found() {
  const auto host = operon::testing::Host::load(PLUGIN_LIBRARY);
  host->configure({{"scenarios", {{{"name", "hello"}, {"title", "Hello"}, {"argv", {"/bin/echo", "hello"}}, {"seconds", 5}}}}});
  const auto all = host->call(registry, "list").items_as<Summary>();
  CHECK(all.size() == 1);
  const auto scenario = host->call(registry, "detail", ScenarioRequest{"", all[0].reference, {}}).as<Scenario>();
  CHECK(scenario.title == "Hello");
  CHECK(scenario.fields.at(0).default_value == "5");
  CHECK(nlohmann::json::parse(scenario.run)["argv"][0] == "/bin/echo");
  CHECK(host->call(registry, "detail", ScenarioRequest{"bye", "", {}}).code == operon::Code::not_found);
  CHECK(host->call(registry, "globals", ScenarioRequest{"hello", "", {}}).code == operon::Code::not_found);
  CHECK(host->breaches().empty());
}

int main() { scenarios_are_listed_and_found(); }
