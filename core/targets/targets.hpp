/// core/targets/targets.hpp: target requests (which clusters are there?) and the kubeconfig look-up, the one everything else uses.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/targets/target_request.hpp"
#include "operon/error.hpp"
#include "operon/kinds/target_provider.hpp"

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

/// Thread-safe. Where requests are kept is the implementation's: local_targets.hpp, cluster_targets.hpp.
class Targets {
 public:
  virtual ~Targets() = default;

  /// Once, when plugins are loaded: takes up what a restart interrupted.
  virtual void resume() = 0;
  /// No more questions; those in flight are cancelled.
  virtual void stop() = 0;

  /// A new request; all providers are asked in parallel. Returns its id at once. Throws Error: UNAVAILABLE without a provider or a store
  /// that can be written, RESOURCE_EXHAUSTED at target_requests_max.
  virtual std::string create() = 0;
  /// Counts as a use. Absent: never made, or expired.
  virtual std::optional<TargetRequest> find(std::string_view id) = 0;
  /// The contract's look-up: throws NOT_FOUND, ABORTED (two providers know the name), FAILED_PRECONDITION (a kubeconfig that is none),
  /// UNAVAILABLE or DEADLINE_EXCEEDED (the provider), each naming what is at fault.
  virtual ClusterAccess access(const ClusterKey&) = 0;
};

/// "KrknTargetRequest with id 'X' not found", and the one for a request that is still pending.
Error request_not_found(std::string_view id);
Error request_not_completed(std::string_view id);
Error no_provider();
/// `providers` know the cluster: throws NOT_FOUND for none, ABORTED for several.
void check_found_once(const ClusterKey&, const std::vector<std::string>& providers);

/// Where a cluster of a completed request is: the provider's name and the cluster's URL. Throws as `Targets::access` does.
ClusterAccess locate(const TargetRequest&, const ClusterKey&);

}  // namespace operon::targets
