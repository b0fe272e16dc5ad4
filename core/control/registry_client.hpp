/// core/control/registry_client.hpp: `operon.scenario-registry/1` with types, over any instance that offers it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/plugin/instance.hpp"
#include "operon/error.hpp"
#include "operon/kinds/scenario_registry.hpp"

namespace operon::control {

struct ScenarioList {
  std::vector<kinds::scenario_registry::Summary> scenarios;
  kinds::scenario_registry::ListState state;
};

/// Thread-safe; cheap to make. Throws the registry's own Error about the request (INVALID_ARGUMENT, NOT_FOUND, ...), DEADLINE_EXCEEDED, and
/// UNAVAILABLE for every fault that is behind us: an absence, a refusal of our credentials, an answer that is not what the interface says.
class RegistryClient {
 public:
  RegistryClient(std::shared_ptr<plugin::Instance>, std::chrono::milliseconds timeout, std::string request_id);

  const std::string& name() const noexcept { return instance_->name(); }

  /// At most `scenarios_max`; more is RESOURCE_EXHAUSTED.
  ScenarioList list(const std::optional<kinds::scenario_registry::AdhocRegistry>&, size_t scenarios_max) const;
  kinds::scenario_registry::Scenario detail(const kinds::scenario_registry::ScenarioRequest&) const;
  kinds::scenario_registry::Scenario globals(const kinds::scenario_registry::ScenarioRequest&) const;

 private:
  kinds::scenario_registry::Scenario ask(const char* verb, const kinds::scenario_registry::ScenarioRequest&) const;
  std::string call(const char* verb, const std::string& request,
                   const std::function<void(uint32_t, std::string_view)>& on_chunk = {}) const;

  std::shared_ptr<plugin::Instance> instance_;
  std::chrono::milliseconds timeout_;
  std::string request_id_;
};

/// The reason of an Error about something that the registry has, and that will make no more sense when it is asked again.
inline constexpr const char* makes_no_sense = "MakesNoSense";

/// The same error as the caller of the host should see it: what a plugin was refused, or got wrong, is UNAVAILABLE.
Error behind_us(const Error&);

}  // namespace operon::control
