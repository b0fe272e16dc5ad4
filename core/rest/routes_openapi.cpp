#include "core/rest/openapi_text.hpp"
#include "core/rest/parameters.hpp"
#include "core/rest/routes.hpp"

namespace operon::rest {

std::vector<http::Route> openapi_routes(Services&) {
  std::vector<http::Route> routes(1);
  routes[0].pattern = "/operon/v1/openapi.yaml";
  routes[0].handler = [](const http::Request& request) {
    only_query_keys(request, {});
    http::Response response;
    response.content_type = "application/yaml";
    response.body = openapi_text();
    return response;
  };
  return routes;
}

}  // namespace operon::rest
