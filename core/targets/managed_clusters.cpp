#include "core/targets/managed_clusters.hpp"

#include <nlohmann/json.hpp>

#include "core/base/text.hpp"
#include "operon/base64.hpp"

namespace operon::targets {

using nlohmann::json;

namespace {

constexpr const char* key = "managed-clusters";

[[noreturn]] void broken(const json& object) {
  std::string name = "?";
  if (const auto metadata = object.find("metadata"); metadata != object.end() && metadata->is_object()) name = metadata->value("name", "?");
  throw Error(Code::internal, "Secret '" + base::printable(name) + "' does not hold valid JSON under managed-clusters");
}

/// Absent: there is no such key.
std::optional<json> read(const json& object) {
  const auto data = object.find("data");
  if (data == object.end() || !data->is_object() || !data->contains(key)) return std::nullopt;
  const auto& value = (*data)[key];
  const auto text = value.is_string() ? base64_decode(value.get_ref<const std::string&>()) : std::nullopt;
  json clusters = text ? json::parse(*text, nullptr, false) : json();
  if (!clusters.is_object()) broken(object);
  for (const auto& [provider, entries] : clusters.items()) {
    if (!entries.is_object() && !entries.is_null()) broken(object);
  }
  return clusters;
}

ManagedCluster read_entry(const std::string& name, const json& entry) {
  ManagedCluster cluster{name, "", std::nullopt};
  if (!entry.is_object()) {
    cluster.unusable = true;
    return cluster;
  }
  if (const auto url = entry.find("cluster-api"); url != entry.end() && url->is_string()) cluster.cluster_api_url = *url;
  const auto text = entry.find("kubeconfig");
  if (text != entry.end() && text->is_null()) return cluster;  // declared without one
  cluster.kubeconfig = text != entry.end() && text->is_string() ? base64_decode(text->get_ref<const std::string&>()) : std::nullopt;
  cluster.unusable = !cluster.kubeconfig || cluster.kubeconfig->empty();
  return cluster;
}

}  // namespace

void put_managed_clusters(json& object, const std::string& provider, const std::vector<ManagedCluster>& clusters) {
  json all = read(object).value_or(json::object());
  json entries = json::object();
  for (const auto& c : clusters) {
    json entry = {{"cluster-name", c.cluster_name}, {"cluster-api", c.cluster_api_url}};
    if (!c.unusable) entry["kubeconfig"] = c.kubeconfig ? json(base64_encode(*c.kubeconfig)) : json();
    entries[c.cluster_name] = std::move(entry);
  }
  all[provider] = std::move(entries);
  object["data"][key] = base64_encode(all.dump(-1, ' ', false, json::error_handler_t::replace));
}

ClusterAccess find_managed_cluster(const json& object, const ClusterKey& wanted) {
  const auto all = read(object);
  if (!all) throw Error(Code::not_found, "managed-clusters not found in secret");
  std::vector<std::pair<std::string, ManagedCluster>> found;
  for (const auto& [provider, entries] : all->items()) {
    if (!wanted.provider.empty() && provider != wanted.provider) continue;
    if (entries.is_null()) continue;
    if (const auto entry = entries.find(wanted.cluster_name); entry != entries.end())
      found.emplace_back(provider, read_entry(wanted.cluster_name, *entry));
  }
  std::vector<std::string> providers;
  providers.reserve(found.size());
  for (const auto& [provider, cluster] : found) providers.push_back(provider);
  check_found_once(wanted, providers);
  auto& [provider, cluster] = found.front();
  if (cluster.unusable) {
    throw Error(Code::failed_precondition, "cluster '" + base::printable(wanted.cluster_name) + "' has no usable kubeconfig at provider " +
                                               provider + ": it is missing or not base64 in the Secret of the target request");
  }
  return {provider, cluster.cluster_name, cluster.cluster_api_url, std::move(cluster.kubeconfig)};
}

}  // namespace operon::targets
