#include <nlohmann/json.hpp>

#include "core/base/text.hpp"
#include "core/http/errors.hpp"
#include "core/rest/answer.hpp"
#include "core/rest/parameters.hpp"
#include "core/rest/routes.hpp"

namespace operon::rest {

namespace {

/// The data provider's end of a call is about its caller, which is us: a kubeconfig that it refuses is a fault of the target, and
/// credentials that the cluster refuses are not those of our caller.
Error seen_from_here(const Error& e, const std::string& what) {
  const bool kubeconfig = e.code() == Code::invalid_argument;
  const bool as_it_is = e.code() == Code::deadline_exceeded || e.code() == Code::resource_exhausted;
  Error error(kubeconfig ? Code::failed_precondition : as_it_is ? e.code() : Code::unavailable, what + scrubbed(e).what());
  return e.retry_after_ms() ? std::move(error).with_retry_after_ms(*e.retry_after_ms()) : error;
}

http::Response nodes(Services& s, const http::Request& request) {
  const std::string id = required_query(request, "id");
  const std::string cluster = required_query(request, "cluster-name");
  const auto access = s.targets.access({id, cluster, query_text(request, "provider")});
  if (!access.kubeconfig)
    throw Error(Code::failed_precondition, "cluster '" + base::printable(cluster) + "' of provider '" + access.provider +
                                               "' has no kubeconfig, so it has no nodes to list");
  if (!s.nodes_of) {
    throw Error(Code::unavailable, "no data provider is configured (data_provider_address), so the nodes of cluster '" +
                                       base::printable(cluster) + "' cannot be read");
  }
  try {
    return json_answer(200, {{"nodes", s.nodes_of(*access.kubeconfig)}});
  } catch (const Error& e) {
    return http::to_gateway_response(seen_from_here(e, "nodes of cluster '" + base::printable(cluster) + "': "));
  }
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
