#include <nlohmann/json.hpp>

#include "core/rest/answer.hpp"
#include "core/rest/parameters.hpp"
#include "core/rest/routes.hpp"

namespace operon::rest {

namespace {

http::Response clusters(Services& s, const http::Request& request) {
  const std::string id = required_query(request, "id");
  const auto found = s.targets.find(id);
  if (!found) throw targets::request_not_found(id);
  if (found->status != targets::RequestStatus::completed) throw targets::request_not_completed(id);

  auto data = nlohmann::json::object();
  for (const auto& [provider, list] : found->target_data) {
    auto& into = data[provider] = nlohmann::json::array();
    for (const auto& cluster : list) into.push_back({{"cluster-name", cluster.cluster_name}, {"cluster-api-url", cluster.cluster_api_url}});
  }
  nlohmann::json answer = {{"targetData", std::move(data)}, {"status", "Completed"}};
  if (!found->conditions.empty()) {
    auto& conditions = answer["conditions"] = nlohmann::json::array();
    for (const auto& c : found->conditions)
      conditions.push_back({{"type", c.type}, {"status", "True"}, {"reason", c.reason}, {"message", c.message}});
  }
  return json_answer(200, answer);
}

}  // namespace

std::vector<http::Route> cluster_routes(Services& services) {
  std::vector<http::Route> routes(1);
  routes[0].pattern = "/clusters";
  routes[0].handler = [&services](const http::Request& request) { return clusters(services, request); };
  return routes;
}

}  // namespace operon::rest
