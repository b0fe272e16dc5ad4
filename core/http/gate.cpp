#include "core/http/gate.hpp"

namespace operon::http {

Gate::Pass Gate::enter(std::string address) {
  Pass pass;
  std::lock_guard lock(mutex_);
  unsigned& of_address = by_address_[address];
  if (of_address >= per_address_max_) return pass;
  ++of_address;
  ++count_;
  gauge_.add(1);
  pass.gate_ = this;
  pass.address_ = std::move(address);
  return pass;
}

void Gate::leave(const std::string& address) noexcept {
  std::lock_guard lock(mutex_);
  if (auto it = by_address_.find(address); it != by_address_.end() && --it->second == 0) by_address_.erase(it);
  --count_;
  gauge_.add(-1);
  // Under the lock: whoever waits for the last connection may destroy this gate as soon as it sees none.
  changed_.notify_all();
}

void Gate::arrived(int change) noexcept {
  std::lock_guard lock(mutex_);
  arriving_ += static_cast<unsigned>(change);
  if (change < 0) changed_.notify_all();
}

bool Gate::wait_for_room(std::chrono::milliseconds wait) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, wait, [&] { return count_ + arriving_ < connections_max_; });
}

bool Gate::wait_for_empty(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, deadline, [&] { return count_ == 0; });
}

unsigned Gate::count() const {
  std::lock_guard lock(mutex_);
  return count_;
}

}  // namespace operon::http
