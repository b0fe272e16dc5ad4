#include "core/http/http_metrics.hpp"

#include <algorithm>
#include <array>

namespace operon::http {

namespace {

constexpr std::array<int, 34> known_codes{101, 200, 201, 202, 204, 206, 301, 302, 304, 307, 308, 400, 401, 403, 404, 405, 408,
                                          409, 413, 414, 415, 417, 421, 422, 426, 429, 431, 500, 501, 502, 503, 504, 505, 507};

const char* requests_help = "HTTP requests answered, by method, route pattern and status code.";
const char* seconds_help = "Time from a request's last header byte to its answer's first.";

metrics::Counter requests(std::string_view method, std::string_view route, int code) {
  return metrics::counter("operon_http_requests_total", requests_help,
                          {{"method", method}, {"route", route}, {"code", std::to_string(code)}});
}

metrics::Histogram seconds_of(std::string_view route) {
  static const std::vector<double> bounds{0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30};
  return metrics::histogram("operon_http_request_seconds", seconds_help, bounds, {{"route", route}});
}

}  // namespace

/// Handles are looked up at the first use: a series that nothing has counted into is not shown.
struct HttpMetrics::OfRoute {
  std::array<std::atomic<void*>, known_codes.size()> by_code{};
  std::atomic<void*> seconds{nullptr};
};

HttpMetrics::HttpMetrics(const std::string& server, const Router& router)
    : connections(metrics::gauge("operon_http_connections", "Open connections.", {{"server", server}})),
      streams(metrics::gauge("operon_http_streams", "Answers that are being streamed.", {{"server", server}})),
      shed(metrics::counter("operon_http_shed_total", "Requests answered 503 because a limit was reached.", {{"server", server}})),
      streams_dropped(
          metrics::counter("operon_http_streams_dropped_total", "Streams ended because the peer did not read.", {{"server", server}})),
      server_(server),
      router_(router) {
  for (size_t i = 0; i < router.routes().size(); ++i) routes_.push_back(std::make_unique<OfRoute>());
}

HttpMetrics::~HttpMetrics() = default;

void HttpMetrics::answered(const Route* route, std::string_view method, int status, double seconds) const {
  if (!route) {
    static constexpr std::array<std::string_view, 7> methods{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    const bool known = std::find(methods.begin(), methods.end(), method) != methods.end();
    requests(known ? method : "other", "unmatched", status).add();
    return;
  }
  OfRoute& r = *routes_[static_cast<size_t>(route - router_.routes().data())];
  const auto at = std::lower_bound(known_codes.begin(), known_codes.end(), status);
  if (at != known_codes.end() && *at == status) {
    std::atomic<void*>& slot = r.by_code[static_cast<size_t>(at - known_codes.begin())];
    metrics::Counter counter;
    counter.impl = slot.load(std::memory_order_acquire);
    if (!counter.impl) {
      counter = requests(to_string(route->method), route->pattern, status);
      slot.store(counter.impl, std::memory_order_release);
    }
    counter.add();
  } else {
    requests(to_string(route->method), route->pattern, status).add();
  }
  metrics::Histogram histogram;
  histogram.impl = r.seconds.load(std::memory_order_acquire);
  if (!histogram.impl) {
    histogram = seconds_of(route->pattern);
    r.seconds.store(histogram.impl, std::memory_order_release);
  }
  histogram.observe(seconds);
}

void HttpMetrics::refused(std::string_view reason) const {
  metrics::counter("operon_http_refused_total", "Connections and requests refused before a route was known.",
                   {{"server", server_}, {"reason", reason}})
      .add();
}

}  // namespace operon::http
