#include <nlohmann/json.hpp>
#include <string>

#include "core/rest/answer.hpp"
#include "core/rest/routes.hpp"

namespace operon::rest {

namespace {

struct Link {
  const char* method;
  const char* path;
  const char* what;
  bool browsable;  ///< a plain GET shows something
};

constexpr Link links[] = {
    {"GET", "/health", "is it alive", true},
    {"POST", "/targets", "ask all target providers for their clusters", false},
    {"GET", "/targets/{uuid}", "have all of them answered", false},
    {"GET", "/clusters?id=UUID", "the clusters of a target request", false},
    {"GET", "/nodes?id=UUID&cluster-name=NAME", "the nodes of a cluster", false},
    {"POST", "/scenarios", "the scenarios of a registry", false},
    {"POST", "/scenarios/detail/{name}", "one scenario with its fields", false},
    {"POST", "/scenarios/globals/{name}", "the fields that it has from its base image", false},
    {"GET", "/operon/v1/scenarios", "the scenarios of all registries", true},
    {"GET", "/operon/v1/scenarios/{name}", "one of them, with what a run must name", false},
    {"POST", "/scenarios/run", "start a run", false},
    {"POST", "/operon/v1/runs/plan", "what starting a run would make; starts nothing", false},
    {"GET", "/scenarios/run", "all runs, newest first", true},
    {"GET", "/scenarios/run/{jobId}", "one run", false},
    {"GET", "/scenarios/run/{jobId}/logs?follow=true", "the log of a run as it is written", false},
    {"DELETE", "/scenarios/run/{jobId}", "stop a run", false},
    {"GET", "/operon/v1/jobs/events", "changes of runs as server-sent events", true},
    {"GET", "/operon/v1/plugins", "plugin instances and their state", true},
    {"GET", "/operon/v1/freeze", "may new runs start", true},
    {"POST", "/operon/v1/freeze", "let no new run start; ?stopAll=true stops those that run", false},
    {"POST", "/operon/v1/unfreeze", "let runs start again", false},
    {"GET", "/operon/v1/version", "versions", true},
    {"GET", "/operon/v1/openapi.yaml", "every route, described", true},
};

std::string as_json(const std::string& version) {
  auto routes = nlohmann::json::array();
  for (const auto& link : links) routes.push_back({{"method", link.method}, {"path", link.path}, {"description", link.what}});
  return json_text({{"name", "operon"},
                    {"version", version},
                    {"description", "A plugin-hosting operator: runs scenarios on targets."},
                    {"routes", std::move(routes)}});
}

std::string as_html(const std::string& version) {
  std::string rows;
  for (const auto& link : links) {
    const std::string path = link.browsable ? std::string("<a href=\"") + link.path + "\">" + link.path + "</a>" : link.path;
    rows += std::string("<tr><td>") + link.method + "</td><td><code>" + path + "</code></td><td>" + link.what + "</td></tr>\n";
  }
  return "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>operon</title>\n"
         "<style>body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}td{padding:.2em 1em .2em "
         "0;vertical-align:top}</style>\n"
         "</head><body><h1>operon</h1>\n<p>A plugin-hosting operator: runs scenarios on targets. This is version " +
         version + ".</p>\n<table>\n" + rows + "</table>\n<p>On the command line: <code>operonctl --help</code>.</p>\n</body></html>\n";
}

/// True for browsers: text/html is named, and before application/json.
bool prefers_html(const http::Request& request) {
  const std::string accept = request.header ? request.header("Accept").value_or("") : "";
  const auto html = accept.find("text/html");
  return html != std::string::npos && html < accept.find("application/json");
}

}  // namespace

std::vector<http::Route> root_routes(Services& services) {
  std::vector<http::Route> routes(1);
  routes[0].pattern = "/";
  routes[0].role = http::Role::anyone;
  routes[0].no_block = true;
  routes[0].handler = [json = as_json(services.settings.version), html = as_html(services.settings.version)](const http::Request& request) {
    http::Response response = http::Response::json(200, json);
    if (prefers_html(request)) {
      response.content_type = "text/html; charset=utf-8";
      response.body = html;
      response.headers.emplace_back("Content-Security-Policy",
                                    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'");
    }
    response.headers.emplace_back("Vary", "Accept");
    return response;
  };
  return routes;
}

}  // namespace operon::rest
