#include <nlohmann/json.hpp>

#include "core/rest/answer.hpp"
#include "core/rest/parameters.hpp"
#include "core/rest/routes.hpp"

namespace operon::rest {

namespace {

nlohmann::json entry_of(const plugin::InstanceInfo& info) {
  nlohmann::json entry = {{"name", info.name},         {"plugin", info.plugin},         {"version", info.version},
                          {"library", info.library},   {"isolation", info.isolation},   {"state", plugin::to_string(info.state)},
                          {"required", info.required}, {"interfaces", info.interfaces}, {"calls", info.calls},
                          {"failures", info.failures}, {"faults", info.faults},         {"stuck", info.stuck}};
  if (!info.permissions.empty()) {
    auto& rules = entry["permissions"] = nlohmann::json::array();
    for (const auto& p : info.permissions) {
      nlohmann::json rule = {{"apiGroups", p.api_groups}, {"resources", p.resources}, {"verbs", p.verbs}};
      if (!p.namespaces.empty()) rule["namespaces"] = p.namespaces;
      rules.push_back(std::move(rule));
    }
  }
  if (!info.reason.empty()) entry["reason"] = info.reason;
  return entry;
}

}  // namespace

std::vector<http::Route> plugin_routes(Services& services) {
  std::vector<http::Route> routes(1);
  routes[0].pattern = "/operon/v1/plugins";
  routes[0].handler = [&services](const http::Request& request) {
    only_query_keys(request, {});
    auto list = nlohmann::json::array();
    for (const auto& info : services.plugins.info()) list.push_back(entry_of(info));
    return json_answer(200, {{"plugins", std::move(list)}});
  };
  return routes;
}

}  // namespace operon::rest
