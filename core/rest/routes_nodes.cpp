#include "core/base/text.hpp"
#include "core/rest/answer.hpp"
#include "core/rest/parameters.hpp"
#include "core/rest/routes.hpp"

namespace operon::rest {

namespace {

http::Response nodes(Services& s, const http::Request& request) {
  const std::string id = required_query(request, "id");
  const std::string cluster = required_query(request, "cluster-name");
  const auto access = s.targets.access({id, cluster, query_text(request, "provider")});
  if (!access.kubeconfig)
    throw Error(Code::failed_precondition, "cluster '" + base::printable(cluster) + "' of provider '" + access.provider +
                                               "' has no kubeconfig, so it has no nodes to list");
  throw Error(Code::unavailable,
              "no data provider is configured, so the nodes of cluster '" + base::printable(cluster) + "' cannot be read");
}

}  // namespace

std::vector<http::Route> node_routes(Services& services) {
  std::vector<http::Route> routes(1);
  routes[0].pattern = "/nodes";
  routes[0].interface_id = kinds::target_provider::id;
  routes[0].handler = [&services](const http::Request& request) { return nodes(services, request); };
  return routes;
}

}  // namespace operon::rest
