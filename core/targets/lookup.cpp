#include "core/base/text.hpp"
#include "core/targets/targets.hpp"

namespace operon::targets {

namespace {

std::string in_quotes(std::string_view text) {
  return "'" + base::printable(text) + "'";
}

const kinds::target_provider::Cluster* find_cluster(const std::vector<kinds::target_provider::Cluster>& clusters, const std::string& name) {
  for (const auto& c : clusters)
    if (c.cluster_name == name) return &c;
  return nullptr;
}

}  // namespace

Error request_not_found(std::string_view id) {
  return {Code::not_found, "KrknTargetRequest with id " + in_quotes(id) + " not found"};
}
Error request_not_completed(std::string_view id) {
  return {Code::not_found, "KrknTargetRequest with id " + in_quotes(id) + " is not completed"};
}
Error no_provider() {
  return {Code::unavailable, "no target provider is ready: configure an instance of a plugin that offers " +
                                 std::string(kinds::target_provider::id) + " under plugins:"};
}

void check_found_once(const ClusterKey& key, const std::vector<std::string>& providers) {
  if (providers.empty()) {
    std::string message = "Kubeconfig for cluster " + in_quotes(key.cluster_name) + " not found in secret";
    if (!key.provider.empty()) message += " (provider " + in_quotes(key.provider) + ")";
    throw Error(Code::not_found, message);
  }
  if (providers.size() > 1) {
    std::string names;
    for (const auto& name : providers) names += (names.empty() ? "" : ", ") + name;
    throw Error(Code::aborted,
                "cluster " + in_quotes(key.cluster_name) + " is known to several providers (" + names + "): name one of them as provider");
  }
}

ClusterAccess locate(const TargetRequest& request, const ClusterKey& key) {
  if (request.status != RequestStatus::completed) throw request_not_completed(request.id);
  if (request.target_data.empty()) throw Error(Code::not_found, "managed-clusters not found in secret");

  std::vector<ClusterAccess> found;
  for (const auto& [provider, clusters] : request.target_data) {
    if (!key.provider.empty() && provider != key.provider) continue;
    if (const auto* c = find_cluster(clusters, key.cluster_name))
      found.push_back({provider, c->cluster_name, c->cluster_api_url, std::nullopt});
  }
  std::vector<std::string> providers;
  providers.reserve(found.size());
  for (const auto& f : found) providers.push_back(f.provider);
  check_found_once(key, providers);
  return found.front();
}

}  // namespace operon::targets
