/// core/metrics/metrics_service.hpp: metrics of plugins, `operon.host.metrics/1`.
///
///   add      {"name", "value", "labels"?: {k: v}, "help"?}               a counter; the name ends in _total, the value is not negative
///   set      {"name", "value", "labels"?, "help"?}                       a gauge
///   observe  {"name", "value", "labels"?, "help"?, "buckets"?: [upper]}  a histogram; the first call's buckets hold
///
/// Each answers {}. The metric is called operon_plugin_<name> and carries the label `instance`. Shapes:
/// api/schemas/operon.host.metrics.v1.json.
#pragma once

#include <memory>

#include "core/base/service.hpp"

namespace operon::metrics {

std::shared_ptr<base::Service> make_metrics_service();

}  // namespace operon::metrics
