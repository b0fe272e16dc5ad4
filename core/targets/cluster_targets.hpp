/// core/targets/cluster_targets.hpp: target requests as KrknTargetRequest objects, shared by all replicas and with providers outside of
/// operon, kubeconfigs in the Secret of each (contract sections 2 and 3).
#pragma once

#include <memory>

#include "core/kube/client.hpp"
#include "core/plugin/directory.hpp"
#include "core/targets/targets.hpp"

namespace operon::base {
class Clock;
}

namespace operon::targets {

class ClusterTargets final : public Targets {
 public:
  /// `client`'s namespace is where everything is.
  ClusterTargets(plugin::Directory, std::shared_ptr<kube::Client> client, base::Clock&, TargetLimits);
  ~ClusterTargets() override;  ///< stops

  /// Follows the objects from now on. Throws Error(unavailable) when they cannot be had within `sync_ms_max`.
  void resume() override;
  void stop() override;
  std::string create() override;
  std::optional<TargetRequest> find(std::string_view id) override;
  ClusterAccess access(const ClusterKey&) override;

  /// What only the leader does: heartbeats of our providers, and requests brought to their end. Between resume() and stop(); both block
  /// until it is so.
  void lead();
  void follow();
  /// Why this replica is not in step with the API server; empty = it is.
  std::string trouble() const;

  static constexpr std::chrono::milliseconds sync_ms_max{20'000};

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace operon::targets
