#include "core/app/operond/probe_routes.hpp"

#include "core/metrics/metrics.hpp"

namespace operon::app {
namespace {

using http::Method;
using http::Request;
using http::Response;
using http::Role;
using http::Route;

Response plain(int status, std::string body) {
  Response response;
  response.status = status;
  response.content_type = "text/plain; charset=utf-8";
  response.body = std::move(body);
  response.headers = {{"Cache-Control", "no-store"}, {"X-Content-Type-Options", "nosniff"}};
  return response;
}

Route probe(std::string pattern, http::Handler handler) {
  Route route;
  route.method = Method::get;
  route.pattern = std::move(pattern);
  route.role = Role::anyone;
  route.handler = std::move(handler);
  route.no_block = true;
  return route;
}

}  // namespace

void add_probe_routes(http::Router& router, const Readiness& readiness) {
  // Alive is who answers: the loop that serves this one is the host's own, and a host that only lacks something must not be restarted for
  // it.
  const auto alive = [](const std::string& name) {
    return [name](const Request&) { return plain(200, "[+]ping ok\n" + name + " check passed\n"); };
  };
  router.add({probe("/livez", alive("livez")), probe("/healthz", alive("healthz")), probe("/readyz", [&readiness](const Request&) {
                const auto report = readiness.report();
                return plain(report.ready ? 200 : 503, text_of(report, "readyz"));
              })});
}

void add_metrics_route(http::Router& router) {
  Route route = probe("/metrics", [](const Request&) {
    Response response = plain(200, metrics::expose());
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    return response;
  });
  route.no_block = false;  // thousands of series take longer than the loop may
  router.add({std::move(route)});
}

}  // namespace operon::app
