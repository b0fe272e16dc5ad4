/// data-provider/cluster_pool.hpp: connections to clusters, kept while they are used.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "core/kube/client.hpp"
#include "shared_list.hpp"

namespace operon::data_provider {

struct ClusterPoolLimits {
  size_t clusters_max = 64;  ///< kept; of more the one that was not used for longest is let go
  std::chrono::milliseconds idle_ms_max{300'000};
  std::chrono::milliseconds quiet_ms{5'000};  ///< nobody asked for this long: memory is given back, connections stay
  bool link_local = false;                    ///< connect to link-local and cloud metadata addresses
  size_t response_bytes_max = 8u << 20;       ///< of one answer of an API server
  size_t kubeconfig_bytes_max = 1u << 20;     ///< decoded
  unsigned requests_per_cluster_max = 256;    ///< in hand
  SharedListLimits nodes;
};

/// Thread-safe. A kubeconfig is known by its digest: the same text means the same cluster and the same credentials, so whoever has it may
/// use the connection. The texts themselves are not kept beyond what the connection needs.
class ClusterPool {
 public:
  using Client = std::shared_ptr<kube::Client>;
  struct Cluster {
    Client client;
    std::shared_ptr<SharedList> nodes;
  };

  explicit ClusterPool(ClusterPoolLimits);
  ~ClusterPool();  ///< waits for the end of every Client, also of those that somebody still holds; nobody may ask any more
  ClusterPool(const ClusterPool&) = delete;
  ClusterPool& operator=(const ClusterPool&) = delete;

  /// The one of a kubeconfig that was read before. Quick.
  std::optional<Cluster> find(std::string_view kubeconfig_base64);
  /// Reads the kubeconfig if need be, which takes as much as 0.1 s for a large one. Throws Error(invalid_argument) for everything that is
  /// wrong with it.
  Cluster get(std::string_view kubeconfig_base64);
  size_t size() const;

 private:
  struct Graveyard;
  struct Entry {
    std::string digest;
    Cluster cluster;
    std::chrono::steady_clock::time_point used;
  };
  using Entries = std::list<Entry>;  // the one used last in front

  const Cluster* known(const std::string& digest);
  void used_now();
  void tidy_up();
  void look_again_at(std::chrono::steady_clock::time_point);
  std::chrono::steady_clock::time_point let_go_of_idle();

  const ClusterPoolLimits limits_;
  const std::shared_ptr<Graveyard> graveyard_;
  mutable std::mutex mutex_;
  Entries entries_;
  std::unordered_map<std::string_view, Entries::iterator> by_digest_;
  bool quiet_ = true;  // memory was given back since the last use
  std::thread janitor_;
};

/// The kubeconfig's text. Throws Error(invalid_argument).
std::string decode_kubeconfig(std::string_view base64, size_t bytes_max);

}  // namespace operon::data_provider
