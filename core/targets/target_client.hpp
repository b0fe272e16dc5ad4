/// core/targets/target_client.hpp: `operon.target-provider/1` with types, over any instance that offers it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/plugin/instance.hpp"
#include "operon/kinds/target_provider.hpp"

namespace operon::targets {

/// What a provider's list came to.
struct ListOutcome {
  std::vector<kinds::target_provider::Cluster> clusters;
  std::optional<Error> error;
};

/// Thread-safe; cheap to make.
class TargetClient {
 public:
  explicit TargetClient(std::shared_ptr<plugin::Instance>);

  const std::string& name() const noexcept { return instance_->name(); }

  /// Asks without waiting; `done` is called exactly once, on any thread, at the latest when `timeout` is over. More than `clusters_max` is
  /// an error.
  plugin::CallHandle list(std::chrono::milliseconds timeout, size_t clusters_max, std::function<void(ListOutcome)> done) const;
  /// The kubeconfig of one cluster. Throws Error: NOT_FOUND, the provider's own, or DEADLINE_EXCEEDED.
  kinds::target_provider::ClusterAccess get(const std::string& cluster_name, std::chrono::milliseconds timeout) const;
  kinds::target_provider::ProbeAnswer probe(const std::string& cluster_name, std::chrono::milliseconds timeout) const;

 private:
  std::string ask(const char* verb, const std::string& cluster_name, std::chrono::milliseconds timeout) const;

  std::shared_ptr<plugin::Instance> instance_;
};

}  // namespace operon::targets
