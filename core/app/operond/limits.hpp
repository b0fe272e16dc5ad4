/// core/app/operond/limits.hpp: settings in the types of the parts that they configure.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/config/settings.hpp"
#include "core/control/run_flow.hpp"
#include "core/http/server.hpp"
#include "core/jobs/job_table.hpp"
#include "core/jobs/log_hub.hpp"
#include "core/net/client.hpp"
#include "core/plugin/instances.hpp"
#include "core/targets/targets.hpp"

namespace operon::app {

http::ServerLimits rest_limits(const config::RestSettings&);
/// Of `wanted` connections, as many as leave the host descriptors for runs, logs, the store and the probes when `descriptors` may be open.
unsigned connections_within(unsigned wanted, uint64_t descriptors);
/// For probes and metrics: few connections, few threads, no streams.
http::ServerLimits probe_limits();
std::optional<http::Tls> tls_of(const config::TlsFiles&);
jobs::JobLimits job_limits(const config::JobSettings&);
jobs::LogLimits log_limits(const config::LogsSettings&);
targets::TargetLimits target_limits(const config::TargetSettings&);
plugin::InstanceLimits instance_limits(const config::PluginLimitSettings&);
net::ClientLimits net_limits(const config::NetSettings&);
control::FlowSettings flow_settings(const config::Settings&);
std::vector<plugin::InstanceSpec> instance_specs(const config::Settings&);

}  // namespace operon::app
