#include "core/control/scenario_facts.hpp"

#include <algorithm>

#include "core/base/text.hpp"
#include "core/control/registry_client.hpp"
#include "core/log/log.hpp"
#include "operon/error.hpp"

namespace operon::control {

namespace sr = kinds::scenario_registry;

namespace {

std::vector<std::shared_ptr<plugin::Instance>> candidates(const FactsQuestion& q, const RunRequest& r) {
  if (r.own_registry) return {choose_adhoc(q.directory, r.registry)};
  if (!r.registry.empty()) return {choose(q.directory, registry_kind, r.registry, {})};
  auto all = q.directory.offering(registry_kind.interface_id);
  std::stable_partition(all.begin(), all.end(), [&](const auto& i) { return i->name() == q.defaults.registry; });
  return all;
}

/// These say "not mine": the registry cannot hold this kind of reference.
bool means_unknown(Code code) {
  return code == Code::not_found || code == Code::invalid_argument || code == Code::failed_precondition || code == Code::unimplemented;
}

std::vector<fields::Field> globals_of(const RegistryClient& client, const sr::ScenarioRequest& request) {
  try {
    return client.globals(request).fields;
  } catch (const Error& e) {
    if (e.reason() == makes_no_sense) {  // the base's fault: the scenario's own fields are known all the same
      log::warn("the globals of a scenario are not checked",
                {{"registry", client.name()}, {"scenario", request.reference}, {"reason", e.what()}});
      return {};
    }
    if (!means_unknown(e.code())) throw;
    return {};
  }
}

ScenarioFacts ask(const RegistryClient& client, const RunRequest& r) {
  sr::ScenarioRequest request{{}, r.scenario_image, r.own_registry};
  if (!r.scenario_digest.empty()) request.digest = r.scenario_digest;
  ScenarioFacts facts;
  auto scenario = client.detail(request);
  facts.globals = globals_of(client, request);
  facts.known = true;
  facts.registry = client.name();
  facts.digest = scenario.summary.digest.value_or("");
  facts.fields = std::move(scenario.fields);
  facts.run = std::move(scenario.run);
  return facts;
}

/// The globals whose variable the request sets and no field has already.
std::vector<fields::Field> globals_to_check(const ScenarioFacts& facts, const RunRequest& r) {
  const bool with_defaults = !facts.run.empty();
  std::vector<fields::Field> chosen;
  for (const auto& global : facts.globals) {
    if (!global.variable) continue;
    const bool shadowed =
        std::any_of(facts.fields.begin(), facts.fields.end(), [&](const auto& f) { return f.variable == global.variable; });
    if (!shadowed && (with_defaults || r.environment.contains(*global.variable))) chosen.push_back(global);
  }
  return chosen;
}

fields::Validated validate_named(const std::vector<fields::Field>& declared, const fields::Input& input) {
  try {
    return fields::validate(declared, input);
  } catch (const Error& e) {
    throw Error(e.code(), e.what()).with_field(e.field().empty() ? "environment" : "environment." + e.field());
  }
}

}  // namespace

ScenarioFacts find_scenario(const FactsQuestion& q, const RunRequest& r) {
  const bool named = r.own_registry || !r.registry.empty();
  std::string failed;
  for (const auto& instance : candidates(q, r)) {
    const RegistryClient client(instance, q.timeout, q.request_id);
    try {
      return ask(client, r);
    } catch (const Error& e) {
      if (named && !r.registry.empty() && e.code() == Code::not_found)
        throw Error(Code::not_found, "Scenario '" + base::printable(r.scenario_image) + "' not found in registry '" + client.name() + "'");
      if (means_unknown(e.code())) continue;
      if (named) throw;
      log::warn("a registry could not be asked for a scenario",
                {{"registry", client.name()}, {"scenario", r.scenario_image}, {"reason", e.what()}});
      failed += (failed.empty() ? "" : ", ") + client.name();
    }
  }
  ScenarioFacts unknown;
  unknown.unanswered = failed;
  unknown.why_unknown =
      failed.empty() ? "no registry knows this scenario" : "no registry that answered knows this scenario (no answer from " + failed + ")";
  if (q.validation == Validation::required) {
    const std::string message =
        "scenarioImage '" + base::printable(r.scenario_image) + "': " + unknown.why_unknown + ", and validation is required here";
    throw Error(failed.empty() ? Code::failed_precondition : Code::unavailable, message).with_field("scenarioImage");
  }
  return unknown;
}

fields::Validated check_values(const ScenarioFacts& facts, const RunRequest& r) {
  if (!facts.known) return {r.environment, {}};
  fields::Input input;
  input.environment = r.environment;
  for (const auto& file : r.files) input.mount_paths.insert(file.mount_path);

  auto checked = validate_named(facts.fields, input);
  input.environment = std::move(checked.environment);
  auto with_globals = validate_named(globals_to_check(facts, r), input);
  with_globals.secret_variables.insert(with_globals.secret_variables.end(), checked.secret_variables.begin(),
                                       checked.secret_variables.end());
  return with_globals;
}

std::vector<std::string> declared_variables(const ScenarioFacts& facts) {
  std::vector<std::string> names;
  for (const auto* list : {&facts.fields, &facts.globals})
    for (const auto& field : *list)
      if (field.variable && std::find(names.begin(), names.end(), *field.variable) == names.end()) names.push_back(*field.variable);
  return names;
}

}  // namespace operon::control
