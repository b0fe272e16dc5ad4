#include "core/plugin/executor.hpp"

#include <system_error>
#include <thread>

#include "core/plugin/spin.hpp"

namespace operon::plugin {

Executor::Submitted Executor::submit(Task task) {
  std::unique_lock lock(mutex_);
  if (stopped_) return Submitted::stopped;
  if (queue_.size() >= queued_max_) return Submitted::full;
  queue_.push_back(std::move(task));
  if (paused_) return Submitted::taken;
  if (spinning_ && queue_.size() == 1) {
    called_.store(true, std::memory_order_release);
    return Submitted::taken;
  }
  if (idle_ + (spinning_ ? 1 : 0) >= queue_.size()) {
    lock.unlock();
    changed_.notify_one();
    return Submitted::taken;
  }
  if (threads_ == threads_max_) return Submitted::taken;
  try {
    std::thread([self = shared_from_this()] { self->work(); }).detach();
    ++threads_;
  } catch (const std::system_error&) {
    // The system has no thread left. With one of ours the task waits for that; with none it has to be refused.
    if (threads_ == 0) {
      queue_.pop_back();
      return Submitted::full;
    }
  }
  return Submitted::taken;
}

void Executor::pause() {
  std::lock_guard lock(mutex_);
  paused_ = true;
}

void Executor::resume() {
  size_t wanted = 0;
  {
    std::lock_guard lock(mutex_);
    paused_ = false;
    while (wanted < queue_.size() && idle_ < queue_.size() && threads_ < threads_max_ && wanted < threads_max_) {
      try {
        std::thread([self = shared_from_this()] { self->work(); }).detach();
        ++threads_;
        ++wanted;
      } catch (const std::system_error&) {
        break;
      }
    }
  }
  changed_.notify_all();
}

bool Executor::wait_idle(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  return calm_.wait_until(lock, deadline, [&] { return busy_ == 0; });
}

void Executor::drop_queued() {
  std::deque<Task> dropped;
  {
    std::lock_guard lock(mutex_);
    dropped.swap(queue_);
  }
  for (Task& task : dropped) task(false);
}

void Executor::stop() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
  drop_queued();
}

bool Executor::wait_ended(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  return calm_.wait_until(lock, deadline, [&] { return threads_ == 0; });
}

unsigned Executor::threads() const {
  std::lock_guard lock(mutex_);
  return threads_;
}

/// Once after each task, and one thread at a time.
void Executor::spin(std::unique_lock<std::mutex>& lock) {
  spinning_ = true;
  called_.store(false, std::memory_order_relaxed);
  lock.unlock();
  spin_until([this] { return called_.load(std::memory_order_acquire); });
  lock.lock();
  spinning_ = false;
}

void Executor::work() {
  bool worked = false;
  std::unique_lock lock(mutex_);
  for (;;) {
    if (queue_.empty() || paused_) {
      if (stopped_) break;
      if (worked && !paused_ && !spinning_) {
        worked = false;
        spin(lock);
        continue;
      }
      ++idle_;
      bool called = changed_.wait_for(lock, idle_max, [&] { return stopped_ || (!queue_.empty() && !paused_); });
      --idle_;
      if (!called && (queue_.empty() || paused_)) break;
      continue;
    }
    Task task = std::move(queue_.front());
    queue_.pop_front();
    ++busy_;
    lock.unlock();
    task(true);
    task = nullptr;
    worked = true;
    lock.lock();
    if (--busy_ == 0) calm_.notify_all();
  }
  --threads_;
  calm_.notify_all();
}

}  // namespace operon::plugin
