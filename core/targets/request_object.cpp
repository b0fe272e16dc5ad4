#include "core/targets/request_object.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/text.hpp"
#include "operon/members.hpp"

namespace operon::targets {

using nlohmann::json;

namespace {

/// A part of an object; empty when it is not there. Throws Error(invalid_argument) when it is something else.
json part(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return json::object();
  if (!found->is_object()) throw members::MemberError(name, "must be an object");
  return *found;
}

int64_t time_of(const json& object, const char* name) {
  std::string text;
  members::read(object, name, text);
  return base::from_rfc3339(text).value_or(0);
}

void read_clusters(const json& data, TargetRequest& r) {
  for (const auto& [provider, list] : data.items()) {
    auto& clusters = r.target_data[provider];
    if (list.is_null()) continue;  // a nil slice of a provider written in Go
    if (!list.is_array()) throw members::MemberError("status.targetData", "must hold lists");
    for (const auto& entry : list) {
      kinds::target_provider::Cluster cluster;
      members::require(entry, "cluster-name", cluster.cluster_name);
      members::read(entry, "cluster-api-url", cluster.cluster_api_url);
      clusters.push_back(std::move(cluster));
    }
  }
}

}  // namespace

const kube::Resource& request_resource() {
  static const kube::Resource resource{"krkn.krkn-chaos.dev", "v1alpha1", "krkntargetrequests"};
  return resource;
}
const kube::Resource& provider_resource() {
  static const kube::Resource resource{"krkn.krkn-chaos.dev", "v1alpha1", "krknoperatortargetproviders"};
  return resource;
}
const kube::Resource& secret_resource() {
  static const kube::Resource resource{"", "v1", "secrets"};
  return resource;
}

json new_request_object(const std::string& id) {
  return {{"apiVersion", api_version}, {"kind", "KrknTargetRequest"}, {"metadata", {{"name", id}}}, {"spec", {{"uuid", id}}}};
}

TargetRequest read_request_object(const json& object) {
  TargetRequest r;
  const json metadata = part(object, "metadata"), status = part(object, "status");
  members::require(part(object, "spec"), "uuid", r.id);
  r.created_unix_ms = time_of(metadata, "creationTimestamp");
  r.last_used_unix_ms = std::max(r.created_unix_ms, time_of(part(metadata, "annotations"), last_used_annotation));
  std::string state;
  members::read(status, "status", state);
  if (state == "Completed") r.status = RequestStatus::completed;
  if (const auto completed = time_of(status, "completed"); completed != 0) r.completed_unix_ms = completed;
  read_clusters(part(status, "targetData"), r);
  if (const auto conditions = status.find("conditions"); conditions != status.end() && conditions->is_array()) {
    for (const auto& entry : *conditions) {
      if (!entry.is_object() || entry.value("status", "") != "True") continue;
      Condition condition;
      members::read(entry, "type", condition.type);
      members::read(entry, "reason", condition.reason);
      members::read(entry, "message", condition.message);
      condition.unix_ms = time_of(entry, "lastTransitionTime");
      r.conditions.push_back(std::move(condition));
    }
  }
  return r;
}

std::string ignored_annotation(const json& object) {
  std::string text;
  members::read(part(part(object, "metadata"), "annotations"), last_used_annotation, text);
  if (text.empty() || base::from_rfc3339(text)) return "";
  return std::string("annotation ") + last_used_annotation + " is '" + base::printable(text) +
         "', which is no time in RFC 3339: ignored; the request expires as if it had not been used";
}

json taken_up_patch(const std::string& now) {
  return {{"status", {{"status", "Pending"}, {"created", now}}}};
}

json answer_patch(const std::string& provider, const std::vector<kinds::target_provider::Cluster>& clusters) {
  json list = json::array();
  for (const auto& c : clusters) list.push_back({{"cluster-name", c.cluster_name}, {"cluster-api-url", c.cluster_api_url}});
  return {{"status", {{"targetData", {{provider, std::move(list)}}}}}};
}

json completed_patch(const std::string& partial, const std::string& now) {
  json status = {{"status", "Completed"}, {"completed", now}};
  if (!partial.empty()) {
    status["conditions"] = {
        {{"type", "Partial"}, {"status", "True"}, {"reason", "ProvidersFailed"}, {"message", partial}, {"lastTransitionTime", now}}};
  }
  return {{"status", std::move(status)}};
}

ProviderObject read_provider_object(const json& object) {
  ProviderObject provider;
  const json spec = part(object, "spec");
  members::require(part(object, "metadata"), "name", provider.name);
  members::require(spec, "operator-name", provider.operator_name);
  members::read(spec, "active", provider.active);
  provider.heartbeat_unix_ms = time_of(part(object, "status"), "timestamp");
  return provider;
}

}  // namespace operon::targets
