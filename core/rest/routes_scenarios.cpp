#include <memory>
#include <nlohmann/json.hpp>

#include "core/base/scrubber.hpp"
#include "core/base/text.hpp"
#include "core/control/choose.hpp"
#include "core/control/registry_client.hpp"
#include "core/control/run_request.hpp"
#include "core/http/errors.hpp"
#include "core/rest/answer.hpp"
#include "core/rest/parameters.hpp"
#include "core/rest/routes.hpp"
#include "core/rest/scenario_json.hpp"

namespace operon::rest {

namespace sr = kinds::scenario_registry;

namespace {

/// The optional registry body, and the instance that it leads to.
struct Question {
  std::optional<sr::AdhocRegistry> own_registry;
  control::RegistryClient client;
  base::KnownSecret password, token;
  std::unique_ptr<control::OwnRegistryCalls::Call> call;
};

Question question_of(Services& s, const http::Request& request) {
  const auto body = optional_object(request);
  auto own = control::parse_own_registry(body);
  if (own) control::require_allowed(s.run_flow.settings().images, *own);
  const std::string named = control::optional_text(body, "registry");
  auto instance = own ? control::choose_adhoc(s.plugins, named)
                      : control::choose(s.plugins, control::registry_kind, named, s.run_flow.settings().defaults.registry);
  Question q{own, {std::move(instance), s.settings.registry_ms_max, request.request_id}, {}, {}, {}};
  if (own) {
    q.call = std::make_unique<control::OwnRegistryCalls::Call>(s.run_flow.own_registry_calls());
    q.password = base::KnownSecret(own->password);
    q.token = base::KnownSecret(own->token);
  }
  return q;
}

http::Response list(Services& s, const http::Request& request) {
  const auto q = question_of(s, request);
  try {
    auto scenarios = nlohmann::json::array();
    const auto listed = q.client.list(q.own_registry, s.settings.scenarios_max);
    for (const auto& summary : listed.scenarios) scenarios.push_back(summary_json(summary));
    auto answer = json_answer(200, {{"scenarios", std::move(scenarios)}});
    say_how_whole(answer, listed.state);
    return answer;
  } catch (const Error& e) {
    return http::to_gateway_response(scrubbed(e));
  }
}

enum class Part { detail, globals };

http::Response one(Services& s, const http::Request& request, Part part) {
  const std::string& name = path_parameter(request, "name");
  const auto q = question_of(s, request);
  try {
    const sr::ScenarioRequest wanted{name, {}, q.own_registry};
    return json_answer(200, scenario_json(part == Part::detail ? q.client.detail(wanted) : q.client.globals(wanted)));
  } catch (const Error& e) {
    if (e.code() == Code::not_found)
      throw Error(Code::not_found, part == Part::detail ? "Scenario '" + base::printable(name) + "' not found"
                                                        : "Global environment for scenario '" + base::printable(name) + "' not found");
    return http::to_gateway_response(scrubbed(e));
  }
}

http::Route route(Services& services, const char* pattern, http::Handler handler) {
  http::Route r;
  r.method = http::Method::post;
  r.pattern = pattern;
  r.interface_id = sr::id;
  r.body_bytes_max = services.settings.scenario_body_bytes_max;
  r.handler = std::move(handler);
  return r;
}

http::Response name_missing(const http::Request&) {
  throw Error(Code::invalid_argument, "scenario_name parameter is required in path");
}

}  // namespace

std::vector<http::Route> scenario_routes(Services& services) {
  std::vector<http::Route> routes;
  routes.push_back(route(services, "/scenarios", [&services](const http::Request& r) { return list(services, r); }));
  routes.push_back(
      route(services, "/scenarios/detail/{name}", [&services](const http::Request& r) { return one(services, r, Part::detail); }));
  routes.push_back(
      route(services, "/scenarios/globals/{name}", [&services](const http::Request& r) { return one(services, r, Part::globals); }));
  routes.push_back(route(services, "/scenarios/detail/", name_missing));
  routes.push_back(route(services, "/scenarios/globals/", name_missing));
  return routes;
}

}  // namespace operon::rest
