#include "core/plugin/timers.hpp"

namespace operon::plugin {

Timers::Id Timers::add(Time at, std::function<void()> function) {
  std::lock_guard lock(mutex_);
  if (stopped_) return 0;
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  Id id = ++last_;
  bool nearest = waiting_.empty() || at < waiting_.begin()->first.first;
  waiting_.emplace(std::pair(at, id), std::move(function));
  times_.emplace(id, at);
  if (nearest) changed_.notify_one();
  return id;
}

bool Timers::cancel(Id id) noexcept {
  std::function<void()> dropped;  // destroyed after the lock is gone: it may own what asks for a timer
  std::lock_guard lock(mutex_);
  auto time = times_.find(id);
  if (time == times_.end()) return false;
  auto entry = waiting_.find({time->second, id});
  dropped = std::move(entry->second);
  waiting_.erase(entry);
  times_.erase(time);
  return true;
}

void Timers::stop() noexcept {
  decltype(waiting_) dropped;
  std::thread thread;
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    dropped.swap(waiting_);
    times_.clear();
    thread = std::move(thread_);
    changed_.notify_all();
  }
  if (thread.joinable()) thread.join();
}

void Timers::run() {
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    if (waiting_.empty()) {
      changed_.wait(lock);
      continue;
    }
    Time next = waiting_.begin()->first.first;
    if (std::chrono::steady_clock::now() < next) {
      changed_.wait_until(lock, next);
      continue;
    }
    std::function<void()> function = std::move(waiting_.begin()->second);
    times_.erase(waiting_.begin()->first.second);
    waiting_.erase(waiting_.begin());
    lock.unlock();
    function();
    function = nullptr;
    lock.lock();
  }
}

}  // namespace operon::plugin
