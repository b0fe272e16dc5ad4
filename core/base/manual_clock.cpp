#include "core/base/manual_clock.hpp"

namespace operon::base {

int64_t ManualClock::unix_ms() const {
  std::lock_guard lock(mutex_);
  return unix_ms_;
}

std::chrono::steady_clock::time_point ManualClock::steady() const {
  std::lock_guard lock(mutex_);
  return steady_;
}

void ManualClock::advance(std::chrono::milliseconds by) {
  std::vector<std::function<void()>> listeners;
  {
    std::lock_guard lock(mutex_);
    unix_ms_ += by.count();
    steady_ += by;
    listeners = listeners_;
  }
  for (const auto& listener : listeners) listener();
}

void ManualClock::on_advance(std::function<void()> listener) {
  std::lock_guard lock(mutex_);
  listeners_.push_back(std::move(listener));
}

}  // namespace operon::base
