#include "targets.hpp"

#include <algorithm>
#include <set>
#include <tuple>

#include "operon/base64.hpp"
#include "operon/error.hpp"
#include "operon/kubeconfig/kubeconfig.hpp"
#include "operon/members.hpp"
#include "operon/yaml/yaml.hpp"

namespace target_krkn {
namespace {

using nlohmann::json;
using operon::Code;
using operon::Error;
using operon::kubeconfig::Kubeconfig;
namespace members = operon::members;

[[noreturn]] void unusable(const std::string& what) {
  throw Error(Code::failed_precondition, what);
}

/// A value of the Secret; absent when there is none of that key.
std::optional<std::string> value_of(const json& secret, const char* key) {
  const auto data = secret.find("data");
  if (data == secret.end() || !data->is_object()) return std::nullopt;
  const auto found = data->find(key);
  if (found == data->end()) return std::nullopt;
  auto bytes = found->is_string() ? operon::base64_decode(found->get_ref<const std::string&>()) : std::nullopt;
  if (!bytes) unusable("its Secret's key " + std::string(key) + " is not base64");
  return bytes;
}

std::string required(const json& secret, const Target& target, const char* key) {
  auto value = value_of(secret, key);
  if (!value || value->empty()) {
    unusable("Secret " + target.secret_name + " has neither the key kubeconfig nor the key " + key + ", which secretType " +
             target.secret_type + " asks for");
  }
  return *value;
}

/// krkn-operator keeps {"kubeconfig": "<base64>"}; whoever makes the Secret by hand puts the file in as it is.
std::string unwrapped(const std::string& text) {
  const auto wrapped = json::parse(text, nullptr, false);
  if (!wrapped.is_object() || !wrapped.contains("kubeconfig")) return text;
  const auto& inner = wrapped["kubeconfig"];
  auto plain = inner.is_string() ? operon::base64_decode(inner.get_ref<const std::string&>()) : std::nullopt;
  if (!plain) unusable("the kubeconfig in its Secret is not base64");
  return *plain;
}

std::string made_of_credentials(const Target& target, const json& secret) {
  if (target.api_url.empty()) unusable("spec.clusterAPIURL is empty: without a kubeconfig nothing else names the server");
  json cluster = {{"server", target.api_url}};
  if (!target.ca_bundle.empty()) {
    const bool pem = target.ca_bundle.starts_with("-----BEGIN");
    cluster["certificate-authority-data"] = pem ? operon::base64_encode(target.ca_bundle) : target.ca_bundle;
  } else if (target.insecure) {
    cluster["insecure-skip-tls-verify"] = true;
  }
  json user;
  if (target.secret_type == "token") {
    user = {{"token", required(secret, target, "token")}};
  } else {
    user = {{"username", required(secret, target, "username")}, {"password", required(secret, target, "password")}};
  }
  const std::string& name = target.cluster_name;
  return operon::yaml::emit({{"apiVersion", "v1"},
                             {"kind", "Config"},
                             {"current-context", name + "-context"},
                             {"clusters", {{{"name", name}, {"cluster", cluster}}}},
                             {"users", {{{"name", name + "-user"}, {"user", user}}}},
                             {"contexts", {{{"name", name + "-context"}, {"context", {{"cluster", name}, {"user", name + "-user"}}}}}}});
}

/// It becomes part of a path.
bool is_object_name(const std::string& name) {
  return !name.empty() && name.size() <= 253 && name.front() != '.' && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
}

/// Calls `take` with a part of the object; what it throws names the path from the object's root.
template <class Take>
void inside(const json& object, const char* name, Take&& take) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  if (!object.is_object() || found == object.end() || !found->is_object()) throw members::MemberError(name, "must be an object");
  try {
    take(*found);
  } catch (const members::MemberError& e) {
    throw e.inside(name);
  }
}

const json* ready_condition(const Target& target) {
  if (!target.status.is_object()) return nullptr;
  const auto conditions = target.status.find("conditions");
  if (conditions == target.status.end() || !conditions->is_array()) return nullptr;
  for (const auto& condition : *conditions) {
    if (condition.is_object() && condition.value("type", "") == "Ready") return &condition;
  }
  return nullptr;
}

}  // namespace

Target read_target(const json& object) {
  Target target;
  inside(object, "metadata", [&](const json& metadata) {
    members::require(metadata, "name", target.name);
    members::read(metadata, "creationTimestamp", target.created);
    members::read(metadata, "generation", target.generation);
  });
  inside(object, "spec", [&](const json& spec) {
    members::require(spec, "clusterName", target.cluster_name);
    members::require(spec, "secretType", target.secret_type);
    members::require(spec, "secretUUID", target.secret_name);
    members::read(spec, "clusterAPIURL", target.api_url);
    members::read(spec, "caBundle", target.ca_bundle);
    members::read(spec, "insecureSkipTLSVerify", target.insecure);
    if (target.cluster_name.empty()) throw members::MemberError("clusterName", "must not be empty");
    static const std::set<std::string> types = {"kubeconfig", "token", "credentials"};
    if (!types.contains(target.secret_type)) throw members::MemberError("secretType", "must be kubeconfig, token or credentials");
    if (!is_object_name(target.secret_name)) throw members::MemberError("secretUUID", "must be a Secret's name");
  });
  if (const auto status = object.find("status"); status != object.end() && status->is_object()) target.status = *status;
  return target;
}

std::vector<Target> one_of_a_name(std::vector<Target> targets, const std::function<void(const Target&)>& on_double) {
  std::sort(targets.begin(), targets.end(),
            [](const Target& a, const Target& b) { return std::tie(a.created, a.name) < std::tie(b.created, b.name); });
  std::set<std::string> seen;
  std::erase_if(targets, [&](const Target& target) {
    if (seen.insert(target.cluster_name).second) return false;
    on_double(target);
    return true;
  });
  return targets;
}

std::string kubeconfig_of(const Target& target, const json& secret, bool link_local) {
  const auto given = value_of(secret, "kubeconfig");
  if (!given && target.secret_type == "kubeconfig") unusable("Secret " + target.secret_name + " has no key kubeconfig");
  const std::string text = given ? unwrapped(*given) : made_of_credentials(target, secret);
  operon::kubeconfig::Trust trust;
  trust.link_local = link_local;
  try {
    const auto config = Kubeconfig::parse(text, "kubeconfig", trust);
    const auto contexts = config.contexts();
    std::string context = config.current_context();
    if (context.empty() && contexts.size() == 1) context = contexts.front().name;
    if (context.empty()) unusable("the kubeconfig in Secret " + target.secret_name + " has no current-context");
    return config.flatten(context);
  } catch (const Error& e) {
    unusable(e.what());
  }
}

json status_patch(const Target& target, const std::string& fault, const std::string& now) {
  const bool ready = fault.empty();
  const std::string message = ready ? "The Secret holds a usable kubeconfig" : fault;
  const json* known = ready_condition(target);
  const std::string state = ready ? "True" : "False";
  const bool same_state = known != nullptr && known->value("status", "") == state;
  const bool shown = target.status.is_object() && target.status.value("ready", json()) == json(ready);
  if (shown && same_state && known->value("message", "") == message && known->value("observedGeneration", int64_t{0}) == target.generation)
    return nullptr;
  json conditions = json::array();
  if (target.status.is_object()) {
    for (const auto& condition : target.status.value("conditions", json::array())) {
      if (!condition.is_object() || condition.value("type", "") != "Ready") conditions.push_back(condition);
    }
  }
  conditions.push_back({{"type", "Ready"},
                        {"status", state},
                        {"reason", ready ? "KubeconfigFound" : "NoUsableKubeconfig"},
                        {"message", message},
                        {"observedGeneration", target.generation},
                        {"lastTransitionTime", same_state ? known->value("lastTransitionTime", now) : now}});
  return {{"status", {{"ready", ready}, {"lastUpdated", now}, {"conditions", conditions}}}};
}

}  // namespace target_krkn
