/// core/control/scenario_facts.hpp: what the registries know of the scenario that a run names.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "core/control/choose.hpp"
#include "core/control/run_request.hpp"
#include "core/plugin/directory.hpp"
#include "operon/fields/field.hpp"
#include "operon/fields/validate.hpp"

namespace operon::control {

/// What to do with a scenario whose fields nobody knows.
enum class Validation {
  best_effort,  ///< run it unchecked; the job says so
  required,     ///< refuse it
};

struct ScenarioFacts {
  bool known = false;
  std::string registry;                ///< instance that holds it; empty when unknown
  std::string digest;                  ///< of the scenario; empty when its registry tells none
  std::vector<fields::Field> fields;   ///< of the scenario
  std::vector<fields::Field> globals;  ///< of its base; may be empty
  std::string run;                     ///< the registry's part for the runner, opaque; empty for an image
  std::string why_unknown;             ///< for people, when not known
  std::string unanswered;              ///< registries that might know it and gave no answer: "one, two"; empty when all answered
};

struct FactsQuestion {
  const plugin::Directory& directory;
  const Defaults& defaults;
  Validation validation;
  std::chrono::milliseconds timeout;  ///< per registry
  std::string request_id;
};

/// Asks the registry that the request names, or (when it names none) the default one and then the others, for the scenario's reference.
/// Throws Error: what `choose` throws, NOT_FOUND when a named registry does not hold it, a named registry's own failure; with
/// Validation::required FAILED_PRECONDITION for an unknown scenario and UNAVAILABLE when a registry that may know it failed.
ScenarioFacts find_scenario(const FactsQuestion&, const RunRequest&);

/// The values a run gets: fields checked and defaulted, given globals checked. An image carries its globals' defaults itself, so they are
/// only added for scenarios that have a `run` part. Throws Error(failed_precondition), field() = "environment.VARIABLE".
fields::Validated check_values(const ScenarioFacts&, const RunRequest&);

/// Variables of fields and globals.
std::vector<std::string> declared_variables(const ScenarioFacts&);

}  // namespace operon::control
