#include "core/control/run_object_reader.hpp"

#include <map>
#include <nlohmann/json.hpp>

#include "core/base/clock.hpp"
#include "core/base/text.hpp"
#include "core/jobs/run_object.hpp"
#include "core/kube/api.hpp"
#include "core/kube/status.hpp"
#include "operon/base64.hpp"
#include "operon/members.hpp"

namespace operon::control {

using nlohmann::json;

namespace {

constexpr std::chrono::seconds reference_call_max{10};

/// Values of Secrets and ConfigMaps, each object asked for once.
class References {
 public:
  References(kube::Client& client, const std::string& name_space, bool may_come)
      : api_(client, reference_call_max), name_space_(name_space), may_come_(may_come) {}

  /// The bytes under `key`; `where` is the spec's member, for messages.
  std::string value(const char* resource, const json& reference, const std::string& where) {
    std::string name, key;
    members::require(reference, "name", name);
    members::require(reference, "key", key);
    auto found = find(resource, name, key, where);
    if (!found) {
      throw Error(missing_code(), std::string(noun(resource)) + " '" + base::printable(name) + "' has no key '" + base::printable(key) +
                                      "', which spec." + where + " names")
          .with_field(where);
    }
    return std::move(*found);
  }

  std::optional<std::string> find(const char* resource, const std::string& name, const std::string& key, const std::string& where) {
    const json& object = get(resource, name, where);
    for (const char* member : {"data", "binaryData"}) {
      const auto data = object.find(member);
      if (data == object.end() || !data->is_object()) continue;
      const auto value = data->find(key);
      if (value == data->end() || !value->is_string()) continue;
      const auto& text = value->get_ref<const std::string&>();
      const bool plain = std::string_view(resource) == "configmaps" && std::string_view(member) == "data";
      return plain ? std::optional(text) : base64_decode(text);
    }
    return std::nullopt;
  }

 private:
  static const char* noun(const char* resource) { return std::string_view(resource) == "secrets" ? "Secret" : "ConfigMap"; }
  Code missing_code() const { return may_come_ ? Code::unavailable : Code::not_found; }

  const json& get(const char* resource, const std::string& name, const std::string& where) {
    auto& object = objects_[{resource, name}];
    if (!object.is_null()) return object;
    try {
      object = api_.get({"", "v1", resource}, {name_space_, name});
    } catch (const Error& e) {
      if (!kube::is_not_found(e)) throw;
      throw Error(missing_code(),
                  std::string(noun(resource)) + " '" + base::printable(name) + "', which spec." + where + " names, does not exist")
          .with_field(where);
    }
    return object;
  }

  const kube::Api api_;
  const std::string name_space_;
  const bool may_come_;
  std::map<std::pair<std::string, std::string>, json> objects_;
};

/// The body that the spec stands for.
json body_of(const json& spec, References& references, std::set<std::string>& secret_variables) {
  json body = json::object();
  for (const char* name :
       {"targetId", "clusterName", "scenarioImage", "scenarioName", "kubeconfigPath", "environment", "registryUrl", "scenarioRepository",
        "skipTls", "insecure", "provider", "registry", "runner", "scenarioDigest", "timeoutSeconds"}) {
    if (const auto value = spec.find(name); value != spec.end()) body[name] = *value;
  }
  if (const auto secrets = spec.find("secretEnvironment"); secrets != spec.end()) {
    for (const auto& [name, reference] : secrets->items()) {
      const std::string where = "secretEnvironment." + name;
      if (body.contains("environment") && body["environment"].contains(name))
        throw Error(Code::invalid_argument, "a variable is in environment and in secretEnvironment; name it once").with_field(where);
      body["environment"][name] = references.value("secrets", reference, where);
      secret_variables.insert(name);
    }
  }
  if (const auto files = spec.find("files"); files != spec.end()) {
    for (size_t i = 0; i < files->size(); ++i) {
      json file = (*files)[i];
      const std::string where = "files[" + std::to_string(i) + "]";
      for (const auto& [member, resource] : {std::pair("secret", "secrets"), {"configMap", "configmaps"}}) {
        if (file.contains(member)) file["content"] = base64_encode(references.value(resource, file[member], where + "." + member));
        file.erase(member);
      }
      body["files"].push_back(std::move(file));
    }
  }
  if (const auto credentials = spec.find("registryCredentials"); credentials != spec.end()) {
    std::string name;
    members::require(*credentials, "name", name);
    for (const char* key : {"username", "password", "token"}) {
      if (auto value = references.find("secrets", name, key, "registryCredentials")) body[key] = std::move(*value);
    }
  }
  return body;
}

}  // namespace

RunObjectReader::RunObjectReader(RunFlow& flow, std::shared_ptr<kube::Client> client, std::string name_space, base::Clock& clock)
    : flow_(flow), client_(std::move(client)), name_space_(std::move(name_space)), clock_(clock) {}

jobs::StartCommand RunObjectReader::command(const json& run) {
  const auto row = jobs::read_run(run);
  const jobs::Job& job = row.record.job;
  References references(*client_, name_space_, clock_.unix_ms() - job.created_unix_ms < reference_wait_ms_max);
  std::set<std::string> secret_variables;
  const json body = body_of(run.at("spec"), references, secret_variables);
  RunRequest request = parse_run_request(body.dump(-1, ' ', false, json::error_handler_t::replace), "", flow_.settings().limits);
  request.secret_variables = std::move(secret_variables);
  auto start = flow_.prepare(request, {row.applied ? jobs::writer_of(run) : job.user, ""}, job.id);
  if (!row.applied) start.job.digest = job.digest;
  return start;
}

}  // namespace operon::control
