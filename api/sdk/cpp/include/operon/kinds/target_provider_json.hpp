/// operon/kinds/target_provider_json.hpp: the JSON form of operon/kinds/target_provider.hpp. Include it where JSON is read or written.
#pragma once

#include "operon/kinds/target_provider.hpp"
#include "operon/members.hpp"

namespace operon::kinds::target_provider {

inline void to_json(nlohmann::json& j, const ListRequest&) {
  j = nlohmann::json::object();
}
inline void from_json(const nlohmann::json& j, ListRequest&) {
  members::expect_object(j);
}

inline void to_json(nlohmann::json& j, const Cluster& v) {
  j = {{"clusterName", v.cluster_name}, {"clusterApiUrl", v.cluster_api_url}};
}
inline void from_json(const nlohmann::json& j, Cluster& v) {
  members::expect_object(j);
  v = Cluster{};
  members::require(j, "clusterName", v.cluster_name);
  members::read(j, "clusterApiUrl", v.cluster_api_url);
}

inline void to_json(nlohmann::json& j, const ClusterRequest& v) {
  j = {{"clusterName", v.cluster_name}};
}
inline void from_json(const nlohmann::json& j, ClusterRequest& v) {
  members::expect_object(j);
  v = ClusterRequest{};
  members::require(j, "clusterName", v.cluster_name);
}

inline void to_json(nlohmann::json& j, const ClusterAccess& v) {
  j = {{"clusterName", v.cluster_name}, {"clusterApiUrl", v.cluster_api_url}};
  members::write(j, "kubeconfig", v.kubeconfig);
}
inline void from_json(const nlohmann::json& j, ClusterAccess& v) {
  members::expect_object(j);
  v = ClusterAccess{};
  members::require(j, "clusterName", v.cluster_name);
  members::read(j, "clusterApiUrl", v.cluster_api_url);
  members::read(j, "kubeconfig", v.kubeconfig);
}

inline void to_json(nlohmann::json& j, const ProbeAnswer& v) {
  j = {{"reachable", v.reachable}, {"message", v.message}};
}
inline void from_json(const nlohmann::json& j, ProbeAnswer& v) {
  members::expect_object(j);
  v = ProbeAnswer{};
  members::require(j, "reachable", v.reachable);
  members::read(j, "message", v.message);
}

}  // namespace operon::kinds::target_provider
