/// core/targets/local_targets.hpp: target requests of this host alone, in its own store. Kubeconfigs are asked of the providers when they
/// are needed and kept nowhere.
#pragma once

#include <memory>

#include "core/plugin/directory.hpp"
#include "core/targets/store.hpp"
#include "core/targets/targets.hpp"

namespace operon::base {
class Clock;
}

namespace operon::targets {

/// Providers answer on threads of their own; nothing here waits for one except `access`.
class LocalTargets final : public Targets {
 public:
  /// Reads the store. Throws Error(unavailable) when it cannot be read.
  LocalTargets(plugin::Directory, std::shared_ptr<TargetRequestStore>, base::Clock&, TargetLimits);
  ~LocalTargets() override;  ///< stops

  void resume() override;
  void stop() override;
  std::string create() override;
  std::optional<TargetRequest> find(std::string_view id) override;
  ClusterAccess access(const ClusterKey&) override;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  ///< shared with answers that are still under way
};

}  // namespace operon::targets
