/// core/rest/routes.hpp: the route groups, one file each (routes_<group>.cpp), each a table.
#pragma once

#include <vector>

#include "core/http/router.hpp"
#include "core/rest/services.hpp"

namespace operon::rest {

std::vector<http::Route> root_routes(Services&);      ///< /
std::vector<http::Route> health_routes(Services&);    ///< /health, /operon/v1/version
std::vector<http::Route> target_routes(Services&);    ///< /targets
std::vector<http::Route> cluster_routes(Services&);   ///< /clusters
std::vector<http::Route> node_routes(Services&);      ///< /nodes
std::vector<http::Route> scenario_routes(Services&);  ///< /scenarios, /scenarios/detail, /scenarios/globals
std::vector<http::Route> registry_routes(Services&);  ///< /operon/v1/scenarios
std::vector<http::Route> run_routes(Services&);       ///< /scenarios/run
std::vector<http::Route> log_routes(Services&);       ///< /scenarios/run/{jobId}/logs
std::vector<http::Route> event_routes(Services&);     ///< /operon/v1/jobs/events
std::vector<http::Route> freeze_routes(Services&);    ///< /operon/v1/freeze, /operon/v1/unfreeze
std::vector<http::Route> plugin_routes(Services&);    ///< /operon/v1/plugins
std::vector<http::Route> openapi_routes(Services&);   ///< /operon/v1/openapi.yaml

}  // namespace operon::rest
