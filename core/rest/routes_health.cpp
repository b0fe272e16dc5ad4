#include <nlohmann/json.hpp>

#include "core/rest/answer.hpp"
#include "core/rest/parameters.hpp"
#include "core/rest/routes.hpp"
#include "operon/types.h"

namespace operon::rest {

std::vector<http::Route> health_routes(Services& services) {
  std::vector<http::Route> routes(2);
  routes[0].pattern = "/health";
  routes[0].role = http::Role::anyone;
  routes[0].no_block = true;
  routes[0].handler = [](const http::Request&) { return http::Response::json(200, R"({"status":"healthy"})"); };

  const std::string version = json_text(
      {{"name", "operon"}, {"version", services.settings.version}, {"abi", {{"major", OPERON_ABI_MAJOR}, {"minor", OPERON_ABI_MINOR}}}});
  routes[1].pattern = "/operon/v1/version";
  routes[1].no_block = true;
  routes[1].handler = [version](const http::Request& request) {
    only_query_keys(request, {});
    return http::Response::json(200, version);
  };
  return routes;
}

}  // namespace operon::rest
