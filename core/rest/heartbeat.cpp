#include "core/rest/heartbeat.hpp"

namespace operon::rest {

Heartbeat::~Heartbeat() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  stop_changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Heartbeat::add(const std::shared_ptr<Signal>& signal) {
  std::lock_guard lock(mutex_);
  if (stopped_) return;
  signals_.push_back(signal);
  if (!thread_.joinable()) thread_ = std::thread([this] { beat(); });
}

void Heartbeat::beat() {
  std::unique_lock lock(mutex_);
  while (!stop_changed_.wait_for(lock, period_, [this] { return stopped_; })) {
    std::vector<std::shared_ptr<Signal>> alive;
    std::erase_if(signals_, [&](const auto& weak) {
      if (auto signal = weak.lock()) {
        alive.push_back(std::move(signal));
        return false;
      }
      return true;
    });
    lock.unlock();
    for (const auto& signal : alive) signal->raise();
    alive.clear();
    lock.lock();
  }
}

}  // namespace operon::rest
