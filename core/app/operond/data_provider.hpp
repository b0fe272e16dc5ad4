/// core/app/operond/data_provider.hpp: the data provider that GET /nodes asks, if there is one.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/app/operond/readiness.hpp"
#include "core/config/settings.hpp"

namespace operon::app {

/// Empty = none is configured. Its health is shown among the readiness checks and decides nothing: a host that cannot list nodes can do
/// everything else. A gRPC library that cannot be loaded is said in every answer rather than keeping the host from starting.
std::function<std::vector<std::string>(const std::string& kubeconfig)> connect_data_provider(const config::Settings&, Readiness&);

}  // namespace operon::app
