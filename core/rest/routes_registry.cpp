#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/text.hpp"
#include "core/control/choose.hpp"
#include "core/control/registry_client.hpp"
#include "core/http/errors.hpp"
#include "core/rest/answer.hpp"
#include "core/rest/parameters.hpp"
#include "core/rest/routes.hpp"
#include "core/rest/scenario_json.hpp"
#include "operon/kinds/scenario_registry_json.hpp"

namespace operon::rest {

namespace sr = kinds::scenario_registry;
using nlohmann::json;

namespace {

/// The registry that the query names, or all, the default one first.
std::vector<control::RegistryClient> clients(Services& s, const http::Request& request) {
  std::vector<std::shared_ptr<plugin::Instance>> instances;
  const auto& by_default = s.run_flow.settings().defaults.registry;
  if (const auto named = query_text(request, "registry"); !named.empty()) {
    instances.push_back(control::choose(s.plugins, control::registry_kind, named, {}));
  } else {
    control::choose(s.plugins, control::registry_kind, {}, {});  // says what is missing when there is none
    instances = s.plugins.offering(sr::id);
    std::stable_partition(instances.begin(), instances.end(), [&](const auto& i) { return i->name() == by_default; });
  }
  std::vector<control::RegistryClient> all;
  all.reserve(instances.size());
  for (auto& instance : instances) all.emplace_back(std::move(instance), s.settings.registry_ms_max, request.request_id);
  return all;
}

/// A summary with what a run of it must name.
json entry_of(json entry, const sr::Summary& summary, const std::string& registry) {
  entry["reference"] = summary.reference;
  entry["registry"] = registry;
  if (summary.title) entry["title"] = *summary.title;
  if (summary.description) entry["description"] = *summary.description;
  return entry;
}

http::Response list(Services& s, const http::Request& request) {
  only_query_keys(request, {"registry"});
  auto scenarios = json::array(), failed = json::array();
  const auto all = clients(s, request);
  std::optional<Error> last;
  for (const auto& client : all) {
    try {
      for (const auto& summary : client.list(std::nullopt, s.settings.scenarios_max))
        scenarios.push_back(entry_of(summary_json(summary), summary, client.name()));
    } catch (const Error& e) {
      last = scrubbed(e);
      failed.push_back({{"registry", client.name()}, {"message", last->what()}});
    }
  }
  if (last && failed.size() == all.size()) return http::to_gateway_response(*last);
  json answer = {{"scenarios", std::move(scenarios)}};
  if (!failed.empty()) answer["failed"] = std::move(failed);
  return json_answer(200, answer);
}

/// Globals are extra: a registry without them, or in trouble with them, does not take the scenario away.
json globals_of(const control::RegistryClient& client, const sr::ScenarioRequest& wanted) {
  try {
    return client.globals(wanted).fields;
  } catch (const Error&) {
    return json::array();
  }
}

http::Response detail(Services& s, const http::Request& request) {
  only_query_keys(request, {"registry"});
  const std::string& name = path_parameter(request, "name");
  std::optional<Error> trouble;
  for (const auto& client : clients(s, request)) {
    try {
      const sr::ScenarioRequest wanted{name, {}, std::nullopt};
      const auto scenario = client.detail(wanted);
      json answer = entry_of(scenario_json(scenario), scenario.summary, client.name());
      answer.erase("last_modified");
      answer["globals"] = globals_of(client, wanted);
      return json_answer(200, answer);
    } catch (const Error& e) {
      if (e.code() != Code::not_found) trouble = scrubbed(e);
    }
  }
  if (trouble) return http::to_gateway_response(*trouble);
  throw Error(Code::not_found, "Scenario '" + base::printable(name) + "' not found");
}

}  // namespace

std::vector<http::Route> registry_routes(Services& services) {
  std::vector<http::Route> routes(2);
  routes[0].pattern = "/operon/v1/scenarios";
  routes[0].interface_id = sr::id;
  routes[0].handler = [&services](const http::Request& r) { return list(services, r); };
  routes[1].pattern = "/operon/v1/scenarios/{name}";
  routes[1].interface_id = sr::id;
  routes[1].handler = [&services](const http::Request& r) { return detail(services, r); };
  return routes;
}

}  // namespace operon::rest
