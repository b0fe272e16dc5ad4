#include "core/jobs/event_ring.hpp"

#include <algorithm>

namespace operon::jobs {

void EventRing::begin_after(uint64_t revision) {
  std::lock_guard lock(mutex_);
  revision_ = revision;
  events_.clear();
}

void EventRing::push(uint64_t revision, std::shared_ptr<const std::string> job_json) {
  std::lock_guard lock(mutex_);
  revision_ = revision;
  events_.push_back({revision, std::move(job_json)});
  if (events_.size() > events_kept_max) events_.pop_front();
}

std::optional<std::vector<JobEvent>> EventRing::after(uint64_t revision, unsigned max) const {
  std::lock_guard lock(mutex_);
  if (revision > revision_) return std::nullopt;  // of another history
  const uint64_t gone = revision_ - events_.size();
  if (revision < gone) return std::nullopt;
  const auto first = events_.begin() + static_cast<std::ptrdiff_t>(revision - gone);
  const auto count = std::min<size_t>(max == 0 ? events_kept_max : max, static_cast<size_t>(events_.end() - first));
  return std::vector<JobEvent>(first, first + static_cast<std::ptrdiff_t>(count));
}

uint64_t EventRing::revision() const {
  std::lock_guard lock(mutex_);
  return revision_;
}

std::shared_ptr<void> EventRing::subscribe(std::function<void()> listener) {
  std::lock_guard lock(subscribers_->mutex);
  const uint64_t key = subscribers_->next++;
  subscribers_->all.emplace(key, std::make_shared<std::function<void()>>(std::move(listener)));
  return std::shared_ptr<void>(static_cast<void*>(this), [subscribers = subscribers_, key](void*) {
    std::lock_guard inner(subscribers->mutex);
    subscribers->all.erase(key);
  });
}

void EventRing::tell() const {
  std::vector<std::shared_ptr<std::function<void()>>> listeners;
  {
    std::lock_guard lock(subscribers_->mutex);
    for (const auto& [key, listener] : subscribers_->all) listeners.push_back(listener);
  }
  for (const auto& listener : listeners) (*listener)();
}

}  // namespace operon::jobs
