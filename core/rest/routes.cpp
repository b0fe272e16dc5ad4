#include "core/rest/routes.hpp"

#include "core/rest/answer.hpp"

namespace operon::rest {

void add_routes(http::Router& router, Services& services) {
  for (const auto group : {root_routes, health_routes, target_routes, cluster_routes, node_routes, scenario_routes, registry_routes,
                           run_routes, log_routes, event_routes, freeze_routes, plugin_routes, openapi_routes}) {
    auto routes = group(services);
    for (auto& route : routes) route.handler = guarded(std::move(route.handler));
    router.add(std::move(routes));
  }
}

}  // namespace operon::rest
