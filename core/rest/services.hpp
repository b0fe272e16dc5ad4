/// core/rest/services.hpp: everything that the routes ask, and the way to put them on a router.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "core/control/run_flow.hpp"
#include "core/http/router.hpp"
#include "core/jobs/jobs.hpp"
#include "core/jobs/log_hub.hpp"
#include "core/plugin/directory.hpp"
#include "core/targets/targets.hpp"

namespace operon::base {
class Clock;
}

namespace operon::rest {

struct Settings {
  std::string version;                               ///< of the host
  bool interim_status = false;                       ///< send the specification's 102/100 before the answers of the target routes
  std::chrono::milliseconds registry_ms_max{30000};  ///< a registry's answer to the scenario routes
  std::chrono::milliseconds stop_all_ms_max{30000};  ///< how long freeze with stopAll waits for the last stop
  std::chrono::milliseconds heartbeat{15000};        ///< a comment on an event stream that has been silent for so long
  size_t scenarios_max = 10000;                      ///< in one list
  unsigned page_jobs_max = 10000;                    ///< largest `limit`
  unsigned events_at_once_max = 256;                 ///< job events taken from the table at a time
  size_t scenario_body_bytes_max = 64u << 10;        ///< the optional registry body
};

/// References to what core/app made; all of it outlives the router.
struct Services {
  plugin::Directory plugins;
  targets::Targets& targets;
  control::RunFlow& run_flow;
  jobs::Jobs& jobs;
  jobs::LogHub& logs;
  base::Clock& clock;
  Settings settings;
  /// Names of the nodes of a kubeconfig's cluster, from the data provider; empty = none is configured. Throws Error.
  std::function<std::vector<std::string>(const std::string& kubeconfig)> nodes_of{};
};

/// Adds every route of the contract and of /operon/v1. `services` must outlive the router.
void add_routes(http::Router&, Services& services);

}  // namespace operon::rest
