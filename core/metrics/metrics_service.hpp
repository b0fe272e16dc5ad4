/// core/metrics/metrics_service.hpp: metrics of plugins, `operon.host.metrics/1`.
///
///   add      {"name", "help"?, "labels"?: {k: v}, "value"?: 1}      a counter; the name ends in _total, the value is not negative
///   set      {"name", "help"?, "labels"?, "value"}                  a gauge
///   observe  {"name", "help"?, "labels"?, "value", "bounds"?: []}   a histogram; the first call's bounds hold
///
/// Each answers {}. The metric is called operon_plugin_<name> and carries the label `instance`.
#pragma once

#include <memory>

#include "core/base/service.hpp"

namespace operon::metrics {

std::shared_ptr<base::Service> make_metrics_service();

}  // namespace operon::metrics
