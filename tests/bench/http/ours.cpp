/// tests/bench/http/ours.cpp PORT: GET /health by core/http, with everything that a request has: limits, Host and Origin, request id,
/// metrics, router of some size.
#include <csignal>
#include <cstdio>
#include <string>

#include "core/http/server.hpp"
#include "core/log/log.hpp"

int main(int argc, char** argv) {
  using namespace operon;
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);
  log::start(log::Format::automatic, log::Level::warn);

  auto healthy = [](const http::Request&) { return http::Response::json(200, R"({"status":"healthy"})"); };
  std::vector<http::Route> routes;
  auto add = [&](const char* pattern, bool no_block) {
    http::Route r;
    r.pattern = pattern;
    r.handler = healthy;
    r.no_block = no_block;
    routes.push_back(std::move(r));
  };
  add("/health", true);
  add("/worker", false);
  for (const char* pattern : {"/targets/{uuid}", "/scenarios/run", "/scenarios/run/{jobId}", "/scenarios/run/{jobId}/logs", "/clusters",
                              "/nodes", "/operon/v1/plugins"})
    add(pattern, false);
  http::Router router;
  router.add(std::move(routes));
  http::ServerLimits limits;
  limits.requests_per_connection_max = 1u << 30;
  http::Server server("bench", {std::string("127.0.0.1:") + (argc > 1 ? argv[1] : "18080")}, router, limits, {}, {});
  server.start();
  int signal = 0;
  sigwait(&stop, &signal);
  server.drain(std::chrono::seconds(1));
}
