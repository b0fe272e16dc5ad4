/// core/targets/targets.hpp: target requests (which clusters are there?) and the kubeconfig look-up, the one everything else uses.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/plugin/directory.hpp"
#include "core/targets/store.hpp"
#include "core/targets/target_request.hpp"
#include "operon/kinds/target_provider.hpp"

namespace operon::base {
class Clock;
}

namespace operon::targets {

struct TargetLimits {
  std::chrono::milliseconds provider_answer_ms_max{30000};  ///< each provider's own deadline for its list
  std::chrono::milliseconds request_ms_max{60000};          ///< a request is Completed by then, whoever is missing
  std::chrono::milliseconds kubeconfig_ms_max{10000};       ///< a provider's answer to `get`
  int64_t kept_seconds_after_use = 24 * 3600;               ///< 0 = for ever
  size_t target_requests_max = 10000;
  size_t clusters_max = 10000;  ///< per provider and request
};

/// Which cluster. `provider` is needed only when two providers know the same name.
struct ClusterKey {
  std::string target_id, cluster_name, provider;
};

/// A cluster and the key to it.
struct ClusterAccess {
  std::string provider, cluster_name, cluster_api_url;
  std::optional<std::string> kubeconfig;  ///< YAML, parsed and found good; absent for a target that has none
};

/// Thread-safe. Providers answer on threads of their own; nothing here waits for one except `access`.
class Targets {
 public:
  /// Reads the store. Throws Error(unavailable) when it cannot be read.
  Targets(plugin::Directory, std::shared_ptr<TargetRequestStore>, base::Clock&, TargetLimits);
  ~Targets();  ///< stops

  /// Asks again for requests that a restart interrupted. Once, when plugins are loaded.
  void resume();
  /// No more questions; those in flight are cancelled.
  void stop();

  /// A new request; all providers are asked in parallel. Returns its id at once. Throws Error: UNAVAILABLE without a provider or a store
  /// that can be written, RESOURCE_EXHAUSTED at target_requests_max.
  std::string create();
  /// Counts as a use. Absent: never made, or expired.
  std::optional<TargetRequest> find(std::string_view id);
  /// The contract's look-up: throws NOT_FOUND, ABORTED (two providers know the name), FAILED_PRECONDITION (a kubeconfig that is none),
  /// UNAVAILABLE or DEADLINE_EXCEEDED (the provider), each naming what is at fault.
  ClusterAccess access(const ClusterKey&);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  ///< shared with answers that are still under way
};

/// "KrknTargetRequest with id 'X' not found", and the one for a request that is still pending.
Error request_not_found(std::string_view id);
Error request_not_completed(std::string_view id);

/// Where a cluster of a completed request is: the provider's name and the cluster's URL. Throws as `Targets::access` does.
ClusterAccess locate(const TargetRequest&, const ClusterKey&);

}  // namespace operon::targets
