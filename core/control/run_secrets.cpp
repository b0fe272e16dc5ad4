#include "core/control/run_secrets.hpp"

#include <algorithm>

namespace operon::control {

void RunSecrets::keep(const std::string& job_id, std::vector<base::KnownSecret> secrets) {
  if (secrets.empty()) return;
  std::lock_guard lock(mutex_);
  auto& kept = by_job_[job_id];
  for (auto& secret : secrets) kept.push_back(std::move(secret));
}

void RunSecrets::prune(const std::function<bool(const std::string& job_id)>& ended) {
  std::vector<std::string> ids;
  {
    std::lock_guard lock(mutex_);
    if (by_job_.size() < prune_at_) return;
    for (const auto& [id, secrets] : by_job_) ids.push_back(id);
  }
  std::erase_if(ids, [&](const std::string& id) { return !ended(id); });  // asked without the lock: it may read the store
  std::lock_guard lock(mutex_);
  for (const auto& id : ids) by_job_.erase(id);
  prune_at_ = std::max<size_t>(16, 2 * by_job_.size());
}

size_t RunSecrets::runs() const {
  std::lock_guard lock(mutex_);
  return by_job_.size();
}

}  // namespace operon::control
