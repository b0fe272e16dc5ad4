#include <algorithm>
#include <chrono>
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

using milliseconds = std::chrono::milliseconds;

/// Left for each registry that is still to be asked, however long the ones before it take.
constexpr milliseconds kept_for_each_max{3'000};

/// The registry that the query names, or all, the default one first. All of them together have the time of one.
class Asked {
 public:
  Asked(Services& s, const http::Request& request) : end_(Clock::now() + s.settings.registry_ms_max), request_id_(request.request_id) {
    if (const auto named = query_text(request, "registry"); !named.empty()) {
      instances_.push_back(control::choose(s.plugins, control::registry_kind, named, {}));
      one_is_named_ = true;
      return;
    }
    const auto& by_default = s.run_flow.settings().defaults.registry;
    control::choose(s.plugins, control::registry_kind, {}, {});  // says what is missing when there is none
    instances_ = s.plugins.offering(sr::id);
    std::stable_partition(instances_.begin(), instances_.end(), [&](const auto& i) { return i->name() == by_default; });
  }

  size_t size() const { return instances_.size(); }
  control::RegistryClient client(size_t place) const {
    const auto left = std::max(std::chrono::duration_cast<milliseconds>(end_ - Clock::now()), milliseconds(1));
    const auto after = static_cast<int64_t>(size() - place - 1);
    const auto kept = std::min(kept_for_each_max, left / (after + 1)) * after;
    return {instances_.at(place), left - kept, request_id_};
  }
  bool one_is_named() const { return one_is_named_; }
  /// A registry that has no scenarios of its own, only those that a request leads it to, has none to tell of here.
  bool is_aside(const Error& e) const { return !one_is_named_ && e.code() == Code::failed_precondition; }

 private:
  using Clock = std::chrono::steady_clock;

  const Clock::time_point end_;
  const std::string request_id_;
  std::vector<std::shared_ptr<plugin::Instance>> instances_;
  bool one_is_named_ = false;
};

/// A summary with what a run of it must name.
json entry_of(json entry, const sr::Summary& summary, const std::string& registry) {
  entry["reference"] = summary.reference;
  entry["registry"] = registry;
  if (summary.title) entry["title"] = *summary.title;
  if (summary.description) entry["description"] = *summary.description;
  return entry;
}

/// What a registry's list is worth: how many, whether some are still being read, how old it is when it could not be asked.
json registry_json(const std::string& registry, const control::ScenarioList& listed) {
  json answer = {{"registry", registry}, {"scenarios", listed.scenarios.size()}};
  if (listed.state.partial) answer["partial"] = true;
  if (listed.state.age_ms > 0) answer["ageSeconds"] = listed.state.age_ms / 1000;
  return answer;
}

http::Response list(Services& s, const http::Request& request) {
  only_query_keys(request, {"registry"});
  auto scenarios = json::array(), registries = json::array(), failed = json::array();
  const Asked all(s, request);
  std::optional<Error> last;
  sr::ListState state;
  bool answered = false;
  for (size_t place = 0; place < all.size(); ++place) {
    const auto client = all.client(place);
    try {
      const auto listed = client.list(std::nullopt, s.settings.scenarios_max);
      answered = true;
      for (const auto& summary : listed.scenarios) scenarios.push_back(entry_of(summary_json(summary), summary, client.name()));
      registries.push_back(registry_json(client.name(), listed));
      state.partial = state.partial || listed.state.partial;
      state.age_ms = std::max(state.age_ms, listed.state.age_ms);
    } catch (const Error& e) {
      if (all.is_aside(e)) continue;
      last = scrubbed(e);
      failed.push_back({{"registry", client.name()}, {"message", last->what()}});
    }
  }
  if (last && !answered) return http::to_gateway_response(*last);
  json answer = {{"scenarios", std::move(scenarios)}, {"registries", std::move(registries)}};
  if (!failed.empty()) answer["failed"] = std::move(failed);
  auto whole = json_answer(200, answer);
  say_how_whole(whole, state);
  return whole;
}

/// Globals are extra: a registry without them, or in trouble with them, does not take the scenario away.
json globals_of(const control::RegistryClient& client, const sr::ScenarioRequest& wanted) {
  try {
    return client.globals(wanted).fields;
  } catch (const Error&) {
    return json::array();
  }
}

/// Another registry's scenario of the same name would be one that depends on who is up.
Error of_the_first(const Error& e, const std::string& registry) {
  Error error(e.code(),
              "registry '" + registry + "', which comes first, may have it: " + e.what() + "; to ask another, name it (registry)");
  return e.retry_after_ms() ? std::move(error).with_retry_after_ms(*e.retry_after_ms()) : error;
}

http::Response detail(Services& s, const http::Request& request) {
  only_query_keys(request, {"registry"});
  const std::string& name = path_parameter(request, "name");
  std::optional<Error> refused;
  const Asked all(s, request);
  for (size_t place = 0; place < all.size(); ++place) {
    const auto client = all.client(place);
    try {
      const sr::ScenarioRequest wanted{name, {}, std::nullopt};
      const auto scenario = client.detail(wanted);
      json answer = entry_of(scenario_json(scenario), scenario.summary, client.name());
      answer.erase("last_modified");
      if (scenario.has_rollback) answer["has_rollback"] = true;
      answer["globals"] = globals_of(client, wanted);
      return json_answer(200, answer);
    } catch (const Error& e) {
      if (e.code() == Code::not_found || all.is_aside(e)) continue;
      refused = scrubbed(e);
      if (!all.one_is_named() && (e.code() == Code::invalid_argument || e.code() == Code::unimplemented)) continue;  // no name of its own
      return http::to_gateway_response(all.one_is_named() ? *refused : of_the_first(*refused, client.name()));
    }
  }
  if (refused) return http::to_gateway_response(*refused);
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
