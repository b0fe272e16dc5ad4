/// core/jobs/runners.hpp: where runs and logs find the instance that runs them.
#pragma once

#include <memory>
#include <string_view>

namespace operon::plugin {
class Instance;
}

namespace operon::jobs {

/// Thread-safe. The look-up that JobTable and LogHub need, and no more: a test answers it with a runner of its own.
class Runners {
 public:
  virtual ~Runners() = default;
  /// Null when there is none of that name that is ready.
  virtual std::shared_ptr<plugin::Instance> find(std::string_view name) const = 0;
};

}  // namespace operon::jobs
