#include "core/control/choose.hpp"

#include <nlohmann/json.hpp>

#include "core/base/text.hpp"
#include "operon/kinds/job_runner.hpp"
#include "operon/kinds/scenario_registry.hpp"

namespace operon::control {

using nlohmann::json;

const Kind registry_kind{kinds::scenario_registry::id, "scenario registry", "registry"};
const Kind runner_kind{kinds::job_runner::id, "job runner", "runner"};

namespace {

template <typename List, typename Name>
std::string joined(const List& list, Name name) {
  std::string text;
  for (const auto& element : list) text += (text.empty() ? "" : ", ") + name(element);
  return text;
}

std::string names_of(const std::vector<std::shared_ptr<plugin::Instance>>& instances) {
  return instances.empty() ? "none" : joined(instances, [](const auto& i) { return i->name(); });
}

Error nothing_configured(const Kind& kind) {
  return {Code::unavailable, std::string("no ") + kind.noun + " is ready: configure an instance of a plugin that offers " +
                                 kind.interface_id + " under plugins:"};
}

/// Why `name` cannot be had. `asked_for` begins the message: "runner 'x'" or "defaults.runner 'x'".
Error cannot_have(const plugin::Directory& directory, const Kind& kind, const std::string& name, const std::string& asked_for,
                  Code unknown) {
  for (const auto& entry : directory.info()) {
    if (entry.name != name || entry.state == plugin::InstanceState::ready) continue;
    return {Code::unavailable, asked_for + " is " + plugin::to_string(entry.state) + "; GET /operon/v1/plugins says why"};
  }
  const std::string known = names_of(directory.offering(kind.interface_id));
  return Error(unknown,
               asked_for + (directory.find(name) ? std::string(" is no ") + kind.noun : " is not configured") + "; known: " + known)
      .with_field(kind.key);
}

json attributes_of(const plugin::Instance& instance) {
  const auto& text = instance.manifest().attributes;
  auto attributes = json::parse(text, nullptr, false);
  return attributes.is_object() ? attributes : json::object();
}

}  // namespace

std::shared_ptr<plugin::Instance> choose(const plugin::Directory& directory, const Kind& kind, const std::string& requested,
                                         const std::string& by_default) {
  if (!requested.empty()) {
    if (auto instance = directory.find(requested); instance && instance->offers(kind.interface_id)) return instance;
    throw cannot_have(directory, kind, requested, std::string(kind.key) + " '" + base::printable(requested) + "'",
                      Code::failed_precondition);
  }
  if (!by_default.empty()) {
    if (auto instance = directory.find(by_default); instance && instance->offers(kind.interface_id)) return instance;
    throw cannot_have(directory, kind, by_default, std::string("defaults.") + kind.key + " '" + by_default + "'", Code::unavailable);
  }
  const auto offering = directory.offering(kind.interface_id);
  if (offering.empty()) throw nothing_configured(kind);
  return offering.front();
}

bool takes_adhoc(const plugin::Instance& instance) {
  return attributes_of(instance).value("adhoc", json(false)) == json(true);
}

std::shared_ptr<plugin::Instance> choose_adhoc(const plugin::Directory& directory, const std::string& requested) {
  if (!requested.empty()) {
    auto instance = choose(directory, registry_kind, requested, {});
    if (!takes_adhoc(*instance))
      throw Error(Code::failed_precondition, "registry '" + base::printable(requested) +
                                                 "' takes no registryUrl and scenarioRepository: leave them out, or name another registry")
          .with_field("registry");
    return instance;
  }
  for (auto& instance : directory.offering(registry_kind.interface_id))
    if (takes_adhoc(*instance)) return instance;
  throw Error(Code::unavailable,
              "no configured scenario registry takes a registryUrl and scenarioRepository from the request: configure an instance of a "
              "plugin whose manifest declares the attribute adhoc");
}

std::string reference_kind(const std::string& scenario_image) {
  const auto scheme = scenario_image.find("://");
  return scheme == std::string::npos ? "image" : scenario_image.substr(0, scheme);
}

bool accepts(const plugin::Instance& runner, const std::string& kind) {
  const json attributes = attributes_of(runner);
  const auto list = attributes.find("accepts");
  if (list == attributes.end() || !list->is_array()) return true;
  for (const auto& element : *list)
    if (element == kind) return true;
  return false;
}

void require_accepts(const plugin::Directory& directory, const plugin::Instance& runner, const std::string& scenario_image) {
  const std::string kind = reference_kind(scenario_image);
  if (accepts(runner, kind)) return;
  std::vector<std::shared_ptr<plugin::Instance>> able;
  for (auto& other : directory.offering(runner_kind.interface_id))
    if (accepts(*other, kind)) able.push_back(other);
  const std::string what = kind == "image" ? "container images" : kind + ":// scenarios";
  throw Error(Code::failed_precondition, "runner '" + runner.name() + "' takes no " + what + " (scenarioImage '" +
                                             base::printable(scenario_image) + "'); " +
                                             (able.empty() ? "no configured runner does" : "runners that do: " + names_of(able)))
      .with_field("scenarioImage");
}

}  // namespace operon::control
