/// core/targets/store.hpp: where target requests are kept across a restart.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/targets/target_request.hpp"

namespace operon::targets {

/// Thread-safe. What it throws is Error(unavailable) naming the place and the system's reason.
class TargetRequestStore {
 public:
  virtual ~TargetRequestStore() = default;
  /// All that can be read; an unreadable one is left out with a log line.
  virtual std::vector<TargetRequest> load() = 0;
  /// Durable when it returns.
  virtual void save(const TargetRequest&) = 0;
  virtual void remove(const std::string& id) = 0;
};

/// One JSON file a request in `dir` (made when missing), written whole or not at all. They hold names and URLs of clusters, never a
/// kubeconfig.
std::shared_ptr<TargetRequestStore> file_store(std::filesystem::path dir);

}  // namespace operon::targets
