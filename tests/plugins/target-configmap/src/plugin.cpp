/// target-configmap: name and server of each target are an entry of a ConfigMap in the host's namespace.
#include <mutex>

#include "operon/sdk.hpp"

namespace {

using namespace operon::sdk;

class TargetConfigMap final : public TargetProvider {
 public:
  void configure(Call&, const nlohmann::json& configuration) override {
    std::lock_guard lock(mutex_);
    tail_ = "/" + configuration.value("resource", "configmaps") + "/" + configuration.at("name").get<std::string>();
  }

  std::vector<Cluster> list(Call& call, const TargetListRequest&) override {
    std::vector<Cluster> clusters;
    const auto entries = read(call);
    for (const auto& [name, server] : entries.items()) clusters.push_back({name, server.get<std::string>()});
    return clusters;
  }

  ClusterAccess get(Call& call, const ClusterRequest& request) override {
    return {request.cluster_name, read(call).value(request.cluster_name, ""), std::nullopt};
  }

  /// Asks the host's cluster, not the servers that the entries name.
  ProbeAnswer probe(Call& call, const ClusterRequest& request) override {
    const bool listed = read(call).contains(request.cluster_name);
    return {listed, listed ? "" : "the ConfigMap has no entry " + request.cluster_name};
  }

 private:
  nlohmann::json read(Call& call) {
    const Kubernetes kubernetes(host());
    std::string path = "/api/v1/namespaces/" + kubernetes.info(call).name_space;
    {
      std::lock_guard lock(mutex_);
      path += tail_;
    }
    return kubernetes.get(call, path).value("data", nlohmann::json::object());
  }

  std::mutex mutex_;
  std::string tail_;
};

}  // namespace

OPERON_PLUGIN(TargetConfigMap, "target-configmap", "1.0.0")
