/// @NAME@: a target provider that knows the clusters of its configuration.
#include <map>
#include <mutex>

#include "operon/sdk.hpp"

using namespace operon::sdk;
using operon::Code;
using operon::Error;

class @CLASS@ : public TargetProvider {
 public:
  /// Already valid against schema.json. What is thrown here keeps the configuration before in force.
  void configure(Call&, const nlohmann::json& configuration) override {
    std::map<std::string, ClusterAccess> clusters;
    for (const auto& entry : configuration.value("clusters", nlohmann::json::array())) {
      ClusterAccess access;
      operon::members::require(entry, "name", access.cluster_name);
      operon::members::read(entry, "api_url", access.cluster_api_url);
      operon::members::read(entry, "kubeconfig", access.kubeconfig);
      const std::string name = access.cluster_name;
      if (!clusters.emplace(name, std::move(access)).second) {
        throw Error(Code::invalid_argument, "cluster '" + name + "' is given twice").with_field("clusters");
      }
    }
    host().info("configured", {{"clusters", clusters.size()}});
    const std::lock_guard lock(mutex_);
    clusters_ = std::move(clusters);
  }

  std::vector<Cluster> list(Call&, const TargetListRequest&) override {
    const std::lock_guard lock(mutex_);
    std::vector<Cluster> all;
    for (const auto& [name, access] : clusters_) all.push_back({name, access.cluster_api_url});
    return all;
  }

  ClusterAccess get(Call&, const ClusterRequest& request) override {
    const std::lock_guard lock(mutex_);
    const auto it = clusters_.find(request.cluster_name);
    if (it == clusters_.end()) throw Error(Code::not_found, "no cluster '" + request.cluster_name + "' here");
    return it->second;
  }

  ProbeAnswer probe(Call& call, const ClusterRequest& request) override {
    const auto access = get(call, request);
    return {!access.cluster_api_url.empty(), access.cluster_api_url.empty() ? "no api_url is configured" : ""};
  }

 private:
  std::mutex mutex_;  // verbs are called on several threads
  std::map<std::string, ClusterAccess> clusters_;
};

OPERON_PLUGIN(@CLASS@, "@NAME@", "0.1.0")
