#include "core/control/registry_client.hpp"

#include <nlohmann/json.hpp>

#include "core/base/json.hpp"
#include "core/log/log.hpp"
#include "operon/kinds/scenario_registry_json.hpp"

namespace operon::control {

namespace sr = kinds::scenario_registry;
using nlohmann::json;

namespace {

template <typename T>
T parsed(std::string_view text, const std::string& registry, const char* verb) {
  try {
    return base::parse_json(text).get<T>();
  } catch (const std::exception& e) {
    throw Error(Code::unavailable, "scenario registry '" + registry + "' answered '" + verb +
                                       "' with something that is not what the interface says: " + e.what());
  }
}

}  // namespace

Error behind_us(const Error& e) {
  switch (e.code()) {
    case Code::unauthenticated:
    case Code::permission_denied:
    case Code::internal:
    case Code::unknown:
    case Code::cancelled:
      return {Code::unavailable, e.what()};
    case Code::data_loss:
      return Error(Code::unavailable, e.what()).with_reason(makes_no_sense);
    default:
      return e;
  }
}

RegistryClient::RegistryClient(std::shared_ptr<plugin::Instance> instance, std::chrono::milliseconds timeout, std::string request_id)
    : instance_(std::move(instance)), timeout_(timeout), request_id_(std::move(request_id)) {}

std::string RegistryClient::call(const char* verb, const std::string& request,
                                 const std::function<void(uint32_t, std::string_view)>& on_chunk) const {
  const auto ref = instance_->find(sr::id, verb);
  if (!ref) throw Error(Code::unimplemented, "scenario registry '" + name() + "' does not offer the verb '" + verb + "'");
  plugin::CallContext context;
  context.timeout = timeout_;
  context.request_id = request_id_;
  try {
    return instance_->call(ref, request, context, on_chunk);
  } catch (const Error& e) {
    throw behind_us(e);
  }
}

ScenarioList RegistryClient::list(const std::optional<sr::AdhocRegistry>& registry, size_t scenarios_max) const {
  ScenarioList all;
  std::optional<Error> trouble;
  // What this callback throws would cross the plugin, so the first trouble is kept and thrown afterwards.
  call(sr::verb::list, json(sr::ListRequest{registry}).dump(), [&](uint32_t stream, std::string_view item) {
    if ((stream != OPERON_STREAM_ITEM && stream != OPERON_STREAM_EVENT) || trouble) return;
    try {
      if (stream == OPERON_STREAM_EVENT) {
        all.state = parsed<sr::ListState>(item, name(), sr::verb::list);
        return;
      }
      if (all.scenarios.size() >= scenarios_max)
        throw Error(Code::resource_exhausted,
                    "scenario registry '" + name() + "' lists more than scenarios_max (" + std::to_string(scenarios_max) + ") scenarios");
      all.scenarios.push_back(parsed<sr::Summary>(item, name(), sr::verb::list));
    } catch (const Error& e) {
      trouble = e;
    }
  });
  if (trouble) {
    if (trouble->code() == Code::resource_exhausted)
      log::warn("scenarios_max is reached; a list was refused", {{"registry", name()}, {"scenarios_max", std::to_string(scenarios_max)}});
    throw *trouble;
  }
  return all;
}

sr::Scenario RegistryClient::ask(const char* verb_name, const sr::ScenarioRequest& request) const {
  return parsed<sr::Scenario>(call(verb_name, json(request).dump()), name(), verb_name);
}

sr::Scenario RegistryClient::detail(const sr::ScenarioRequest& request) const {
  return ask(sr::verb::detail, request);
}
sr::Scenario RegistryClient::globals(const sr::ScenarioRequest& request) const {
  return ask(sr::verb::globals, request);
}

}  // namespace operon::control
