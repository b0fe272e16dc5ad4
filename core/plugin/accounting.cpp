#include "core/plugin/accounting.hpp"

#include <mutex>
#include <vector>

#include "core/plugin/call_life.hpp"
#include "core/plugin/core.hpp"

namespace operon::plugin {
namespace {

struct Exported {
  InstanceCore* core;
  metrics::Counter faults, late_uses;
  metrics::Gauge stuck, quarantined;
  uint64_t faults_told = 0, late_uses_told = 0;
};

struct Accounts {
  std::mutex mutex;
  std::vector<Exported> all;
};

Accounts& accounts() {
  static auto* all = new Accounts;  // for ever, as what it counts
  return *all;
}

void tell(Exported& e) {
  InstanceCore& core = *e.core;
  for (VerbEntry& verb : core.verbs) {
    for (size_t code = 0; code < codes; ++code) {
      uint64_t now = verb.by_code[code].load(std::memory_order_relaxed);
      if (now == verb.exported[code]) continue;
      if (verb.counters[code].impl == nullptr) {
        verb.counters[code] = metrics::counter("operon_plugin_calls_total", "Calls of plugin verbs by how they ended.",
                                               {{"instance", core.name},
                                                {"interface", verb.interface_id},
                                                {"verb", verb.name},
                                                {"code", code_name(static_cast<operon_status>(code))}});
      }
      verb.counters[code].add(static_cast<double>(now - verb.exported[code]));
      verb.exported[code] = now;
    }
  }
  uint64_t faults = core.faults.load(), late = core.late_uses.load();
  e.faults.add(static_cast<double>(faults - e.faults_told));
  e.late_uses.add(static_cast<double>(late - e.late_uses_told));
  e.faults_told = faults;
  e.late_uses_told = late;
  e.stuck.set(static_cast<double>(core.stuck.load()));
  e.quarantined.set((core.closed() & InstanceCore::quarantined) != 0 ? 1 : 0);
}

}  // namespace

void account(InstanceCore& core) {
  static std::once_flag once;
  std::call_once(once, [] {
    metrics::on_scrape([] {
      std::lock_guard lock(accounts().mutex);
      for (Exported& e : accounts().all) tell(e);
    });
  });
  Exported e{.core = &core,
             .faults = metrics::counter("operon_plugin_faults_total",
                                        "Times a plugin broke its contract: exceptions, nonsense, double or late answers.",
                                        {{"instance", core.name}}),
             .late_uses = metrics::counter("operon_plugin_late_uses_total", "Uses of a handle or of the host after its end.",
                                           {{"instance", core.name}}),
             .stuck = metrics::gauge("operon_plugin_stuck_calls", "Calls that the plugin has not ended some time after their deadline.",
                                     {{"instance", core.name}}),
             .quarantined =
                 metrics::gauge("operon_plugin_quarantined", "1 when every call of the instance is refused.", {{"instance", core.name}})};
  static const std::vector<double> bounds = {1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1, 10, 60};
  for (VerbEntry& verb : core.verbs) {
    verb.seconds = metrics::histogram("operon_plugin_call_seconds",
                                      "Time from a verb's entry to its end; of no-block verbs one call in 64 is measured.", bounds,
                                      {{"instance", core.name}, {"interface", verb.interface_id}, {"verb", verb.name}});
  }
  std::lock_guard lock(accounts().mutex);
  accounts().all.push_back(e);
}

}  // namespace operon::plugin
