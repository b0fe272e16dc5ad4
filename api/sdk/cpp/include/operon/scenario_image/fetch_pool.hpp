/// operon/scenario_image/fetch_pool.hpp: the few threads that ask a registry, so that a long list does not become as many requests at once.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace operon::scenario_image {

/// Thread-safe. Threads are made with the first task.
class FetchPool {
 public:
  static constexpr unsigned fetches_at_once_max = 8;

  FetchPool() = default;
  ~FetchPool() { stop(); }
  FetchPool(const FetchPool&) = delete;
  FetchPool& operator=(const FetchPool&) = delete;

  /// `task` must not throw. After stop() it is dropped.
  void submit(std::function<void()> task) {
    std::lock_guard lock(mutex_);
    if (stopped_) return;
    tasks_.push_back(std::move(task));
    if (idle_ == 0 && threads_.size() < fetches_at_once_max) threads_.emplace_back([this] { work(); });
    wake_.notify_one();
  }

  /// Drops what waits and returns when what runs has ended.
  void stop() {
    std::vector<std::thread> threads;
    {
      std::lock_guard lock(mutex_);
      stopped_ = true;
      tasks_.clear();
      threads.swap(threads_);
    }
    wake_.notify_all();
    for (auto& thread : threads) thread.join();
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      ++idle_;
      wake_.wait(lock, [this] { return stopped_ || !tasks_.empty(); });
      --idle_;
      if (stopped_) return;
      const auto task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  std::vector<std::thread> threads_;
  unsigned idle_ = 0;
  bool stopped_ = false;
};

}  // namespace operon::scenario_image
