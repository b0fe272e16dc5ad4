/// core/targets/managed_clusters.hpp: the Secret that goes with a target request: kubeconfigs by provider and cluster (contract section 3).
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/targets/targets.hpp"

namespace operon::targets {

/// What one provider knows about one cluster, as the Secret keeps it.
struct ManagedCluster {
  std::string cluster_name, cluster_api_url;
  std::optional<std::string> kubeconfig;  ///< YAML; absent: declared without one
  bool unusable = false;                  ///< there should be one, and what is there is not base64
};

/// Writes the provider's clusters into the Secret `object`, beside what others have written. Throws Error(internal) when its
/// `managed-clusters` is not valid JSON: somebody else's work is not overwritten.
void put_managed_clusters(nlohmann::json& object, const std::string& provider, const std::vector<ManagedCluster>&);

/// The contract's look-up in the Secret: NOT_FOUND for the cluster or the key, ABORTED when two providers know the name,
/// FAILED_PRECONDITION for a kubeconfig that is missing or not base64, INTERNAL for a Secret that is not valid JSON. Nothing of the content
/// is in a message.
ClusterAccess find_managed_cluster(const nlohmann::json& object, const ClusterKey&);

}  // namespace operon::targets
