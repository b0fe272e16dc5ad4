/// core/app/operond/probe_routes.hpp: /livez, /readyz, /healthz and /metrics, on listeners of their own.
#pragma once

#include "core/app/operond/readiness.hpp"
#include "core/http/router.hpp"

namespace operon::app {

/// `readiness` must outlive the router. All are plain text with a line for each check, whether
/// ?verbose is asked for or not.
void add_probe_routes(http::Router&, const Readiness&);
void add_metrics_route(http::Router&);

}  // namespace operon::app
