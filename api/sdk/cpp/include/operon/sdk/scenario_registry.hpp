/// operon/sdk/scenario_registry.hpp: base class of plugins that know scenarios (`operon.scenario-registry/1`). Links with operon_fields.
/// Of each pair override one: the plain function blocks a thread of the instance's executor, the `_async` one answers later.
#pragma once

#include <vector>

#include "operon/kinds/scenario_registry_json.hpp"
#include "operon/sdk/overridden.hpp"
#include "operon/sdk/plugin.hpp"

namespace operon::sdk {

using kinds::scenario_registry::Scenario;
using kinds::scenario_registry::ScenarioRequest;
using kinds::scenario_registry::Summary;
using ScenarioListRequest = kinds::scenario_registry::ListRequest;

class ScenarioRegistry : public virtual Plugin {
 public:
  virtual std::vector<Summary> list(Call&, const ScenarioListRequest&) { sdk::detail::not_offered("list"); }
  virtual void list_async(AsyncCall<std::vector<Summary>>, ScenarioListRequest) {}

  /// Throws Error(not_found) for a scenario it does not know.
  virtual Scenario detail(Call&, const ScenarioRequest&) { sdk::detail::not_offered("detail"); }
  virtual void detail_async(AsyncCall<Scenario>, ScenarioRequest) {}

  /// The part that a scenario has from its base. Throws Error(not_found) when there is none.
  virtual Scenario globals(Call&, const ScenarioRequest&) { sdk::detail::not_offered("globals"); }
  virtual void globals_async(AsyncCall<Scenario>, ScenarioRequest) {}

  template <class C>
  static Interface<C> interface_of() {
    return {kinds::scenario_registry::id,
            {OPERON_SDK_VERB(C, ScenarioRegistry, list, streams), OPERON_SDK_VERB(C, ScenarioRegistry, detail, plain),
             OPERON_SDK_VERB(C, ScenarioRegistry, globals, plain)}};
  }
};

}  // namespace operon::sdk
