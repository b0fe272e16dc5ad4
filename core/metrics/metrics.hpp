/// core/metrics/metrics.hpp: counters, gauges and histograms. prometheus-cpp stays behind it.
#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace operon::metrics {

using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

/// Handles are cheap to copy, thread-safe and live as long as the process. Look a handle up once, keep it, use it on the hot path.
class Counter {
 public:
  void add(double = 1) const noexcept;
  void* impl = nullptr;
};
class Gauge {
 public:
  void set(double) const noexcept;
  void add(double) const noexcept;
  void* impl = nullptr;
};
class Histogram {
 public:
  void observe(double) const noexcept;
  void* impl = nullptr;
};

/// Names are `operon_<what>_<base unit>[_total]`. The same name and labels give the same handle. At most `series_max` (2,000) per name:
/// past that the handle counts into the series {overflow="true"}.
Counter counter(std::string_view name, std::string_view help, Labels = {});
Gauge gauge(std::string_view name, std::string_view help, Labels = {});
Histogram histogram(std::string_view name, std::string_view help, const std::vector<double>& bounds, Labels = {});
/// The same with labels that are only known at run time. Throw Error(invalid_argument) for an illegal name, label or help, or when the name
/// is taken by another kind of metric; Error(resource_exhausted) past `families_max` (2,000) names.
Counter counter(std::string_view name, std::string_view help, const std::map<std::string, std::string>& labels);
Gauge gauge(std::string_view name, std::string_view help, const std::map<std::string, std::string>& labels);
Histogram histogram(std::string_view name, std::string_view help, const std::vector<double>& bounds,
                    const std::map<std::string, std::string>& labels);
/// Called just before a scrape, to set gauges that are derived.
void on_scrape(std::function<void()>);
/// The text exposition format, version 0.0.4.
std::string expose();

}  // namespace operon::metrics
