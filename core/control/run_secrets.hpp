/// core/control/run_secrets.hpp: the secret values of runs, known to the scrubber while the run lives.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/scrubber.hpp"

namespace operon::control {

/// Thread-safe.
class RunSecrets {
 public:
  void keep(const std::string& job_id, std::vector<base::KnownSecret>);
  /// Drops those of runs that `ended` says are over (or unknown). Looks only when the number kept has doubled since the last look.
  void prune(const std::function<bool(const std::string& job_id)>& ended);
  size_t runs() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::vector<base::KnownSecret>> by_job_;
  size_t prune_at_ = 16;
};

}  // namespace operon::control
