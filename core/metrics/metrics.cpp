#include "core/metrics/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <map>
#include <mutex>
#include <stdexcept>

#include "operon/error.hpp"

namespace operon::metrics {
namespace {

constexpr size_t series_max = 2'000;    // per name
constexpr size_t families_max = 2'000;  // names

using LabelMap = std::map<std::string, std::string>;

template <class M>
struct Named {
  prometheus::Family<M>* family = nullptr;
  std::map<LabelMap, M*> series;
  std::vector<double> bounds;
};

/// Everything lives until the process ends: handles point into it.
struct Store {
  std::mutex mutex;
  prometheus::Registry registry{prometheus::Registry::InsertBehavior::Throw};
  std::map<std::string, Named<prometheus::Counter>, std::less<>> counters;
  std::map<std::string, Named<prometheus::Gauge>, std::less<>> gauges;
  std::map<std::string, Named<prometheus::Histogram>, std::less<>> histograms;
  std::vector<std::function<void()>> listeners;
};

Store& store() {
  static auto* all = new Store;
  return *all;
}

LabelMap map_of(Labels labels) {
  LabelMap map;
  for (const auto& [name, value] : labels) map.emplace(name, value);
  return map;
}

template <class M, class Names, class Build, class... Arguments>
M* find(Names& names, std::string_view name, std::string_view help, LabelMap labels, Build build, Arguments&&... arguments) {
  auto found = names.find(name);
  if (found == names.end()) {
    Store& s = store();
    if (s.counters.size() + s.gauges.size() + s.histograms.size() >= families_max) {
      throw Error(Code::resource_exhausted,
                  "more than " + std::to_string(families_max) + " metric names; '" + std::string(name) + "' is not kept");
    }
    try {
      auto& family = build().Name(std::string(name)).Help(std::string(help)).Register(s.registry);
      found = names.emplace(std::string(name), Named<M>{&family, {}, {}}).first;
    } catch (const std::invalid_argument& e) {
      throw Error(Code::invalid_argument, "metric '" + std::string(name) + "': " + e.what());
    }
  }
  Named<M>& named = found->second;
  if (auto known = named.series.find(labels); known != named.series.end()) return known->second;
  if (named.series.size() >= series_max) {
    labels = {{"overflow", "true"}};
    if (auto known = named.series.find(labels); known != named.series.end()) return known->second;
  }
  try {
    M* metric = &named.family->Add(labels, std::forward<Arguments>(arguments)...);
    named.series.emplace(std::move(labels), metric);
    return metric;
  } catch (const std::invalid_argument& e) {
    throw Error(Code::invalid_argument, "metric '" + std::string(name) + "': " + e.what());
  }
}

}  // namespace

void Counter::add(double by) const noexcept {
  if (impl) static_cast<prometheus::Counter*>(impl)->Increment(by);
}

void Gauge::set(double value) const noexcept {
  if (impl) static_cast<prometheus::Gauge*>(impl)->Set(value);
}

void Gauge::add(double by) const noexcept {
  if (impl) static_cast<prometheus::Gauge*>(impl)->Increment(by);
}

void Histogram::observe(double value) const noexcept {
  if (impl) static_cast<prometheus::Histogram*>(impl)->Observe(value);
}

Counter counter(std::string_view name, std::string_view help, Labels labels) {
  return counter(name, help, map_of(labels));
}

Gauge gauge(std::string_view name, std::string_view help, Labels labels) {
  return gauge(name, help, map_of(labels));
}

Histogram histogram(std::string_view name, std::string_view help, const std::vector<double>& bounds, Labels labels) {
  return histogram(name, help, bounds, map_of(labels));
}

Counter counter(std::string_view name, std::string_view help, const LabelMap& labels) {
  std::lock_guard lock(store().mutex);
  Counter handle;
  handle.impl = find<prometheus::Counter>(store().counters, name, help, labels, [] { return prometheus::BuildCounter(); });
  return handle;
}

Gauge gauge(std::string_view name, std::string_view help, const LabelMap& labels) {
  std::lock_guard lock(store().mutex);
  Gauge handle;
  handle.impl = find<prometheus::Gauge>(store().gauges, name, help, labels, [] { return prometheus::BuildGauge(); });
  return handle;
}

Histogram histogram(std::string_view name, std::string_view help, const std::vector<double>& bounds, const LabelMap& labels) {
  std::lock_guard lock(store().mutex);
  auto& names = store().histograms;
  auto found = names.find(name);
  // Series of one name share their bounds: the first one's.
  const std::vector<double> used = found == names.end() ? bounds : found->second.bounds;
  Histogram handle;
  handle.impl = find<prometheus::Histogram>(
      names, name, help, labels, [] { return prometheus::BuildHistogram(); }, used);
  if (found == names.end()) names.find(name)->second.bounds = bounds;
  return handle;
}

void on_scrape(std::function<void()> listener) {
  std::lock_guard lock(store().mutex);
  store().listeners.push_back(std::move(listener));
}

std::string expose() {
  Store& s = store();
  std::vector<std::function<void()>> listeners;
  {
    std::lock_guard lock(s.mutex);
    listeners = s.listeners;
  }
  for (const auto& listener : listeners) listener();
  return prometheus::TextSerializer().Serialize(s.registry.Collect());
}

}  // namespace operon::metrics
