/// core/http/http_metrics.hpp: the server's metrics, with handles kept per route so that a request costs no look-up.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/http/router.hpp"
#include "core/metrics/metrics.hpp"

namespace operon::http {

/// Thread-safe.
class HttpMetrics {
 public:
  HttpMetrics(const std::string& server, const Router&);
  ~HttpMetrics();

  /// One request answered. `route` null: none matched (`method` is then the client's, reduced to the known ones).
  void answered(const Route* route, std::string_view method, int status, double seconds) const;
  void refused(std::string_view reason) const;  ///< before a request was understood: "header_timeout", "per_address_cap" ...

  metrics::Gauge connections, streams;
  metrics::Counter shed, streams_dropped;

 private:
  struct OfRoute;
  const std::string server_;
  const Router& router_;
  std::vector<std::unique_ptr<OfRoute>> routes_;
};

}  // namespace operon::http
