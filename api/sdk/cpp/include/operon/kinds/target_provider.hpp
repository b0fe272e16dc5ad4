/// operon/kinds/target_provider.hpp: requests and answers of `operon.target-provider/1`, for host and plugins alike.
/// The JSON form is api/schemas/operon.target-provider.v1.json.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

namespace operon::kinds::target_provider {

inline constexpr const char* id = "operon.target-provider/1";

namespace verb {
inline constexpr const char* list = "list";    ///< {} -> items Cluster
inline constexpr const char* get = "get";      ///< ClusterRequest -> ClusterAccess; NOT_FOUND
inline constexpr const char* probe = "probe";  ///< ClusterRequest -> ProbeAnswer
}  // namespace verb

struct ListRequest {};

struct Cluster {
  std::string cluster_name;     ///< unique within the provider; any text
  std::string cluster_api_url;  ///< may be empty
};

struct ClusterRequest {
  std::string cluster_name;
};

struct ClusterAccess {
  std::string cluster_name;
  std::string cluster_api_url;
  std::optional<std::string> kubeconfig;  ///< YAML text, flattened and self-contained; absent: a target without one
};

struct ProbeAnswer {
  bool reachable = false;
  std::string message;
};

// Defined in target_provider_json.hpp: include it where they are used.
inline void to_json(nlohmann::json&, const ListRequest&);
inline void from_json(const nlohmann::json&, ListRequest&);
inline void to_json(nlohmann::json&, const Cluster&);
inline void from_json(const nlohmann::json&, Cluster&);
inline void to_json(nlohmann::json&, const ClusterRequest&);
inline void from_json(const nlohmann::json&, ClusterRequest&);
inline void to_json(nlohmann::json&, const ClusterAccess&);
inline void from_json(const nlohmann::json&, ClusterAccess&);
inline void to_json(nlohmann::json&, const ProbeAnswer&);
inline void from_json(const nlohmann::json&, ProbeAnswer&);

}  // namespace operon::kinds::target_provider
