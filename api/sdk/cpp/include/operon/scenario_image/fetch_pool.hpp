/// operon/scenario_image/fetch_pool.hpp: the few threads that read a catalogue's images, so that a long list does not become as many
/// requests at once.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <system_error>
#include <thread>

#include "operon/error.hpp"

namespace operon::scenario_image {

/// Thread-safe. A thread ends when there is nothing left to do.
class FetchPool {
 public:
  static constexpr unsigned fetches_at_once_max = 8;

  explicit FetchPool(unsigned at_once_max = fetches_at_once_max) : at_once_max_(at_once_max) {}
  ~FetchPool() { stop(); }
  FetchPool(const FetchPool&) = delete;
  FetchPool& operator=(const FetchPool&) = delete;

  /// `task` must not throw. After stop() it is dropped. Throws Error(resource_exhausted) when no thread can be started for it.
  void submit(std::function<void()> task) {
    std::list<std::thread> ended;
    {
      std::lock_guard lock(mutex_);
      if (stopped_) return;
      tasks_.push_back(std::move(task));
      ended.swap(ended_);
      if (working_.size() < at_once_max_) {
        add_thread();
      }
    }
    for (auto& thread : ended) thread.join();
  }

  /// Drops what waits and returns when what runs has ended. Not from a task.
  void stop() {
    std::list<std::thread> ended;
    {
      std::unique_lock lock(mutex_);
      stopped_ = true;
      tasks_.clear();
      all_ended_.wait(lock, [this] { return working_.empty(); });
      ended.swap(ended_);
    }
    for (auto& thread : ended) thread.join();
  }

 private:
  using Place = std::list<std::thread>::iterator;

  /// With the lock. The last task is taken back when there is nobody to do it.
  void add_thread() {
    working_.emplace_front();
    try {
      working_.front() = std::thread([this, self = working_.begin()] { work(self); });
    } catch (const std::system_error&) {
      working_.pop_front();
      if (!working_.empty()) return;  // the others will come to it
      tasks_.pop_back();
      throw Error(Code::resource_exhausted, "no thread could be started to read images");
    }
  }

  void work(Place self) {
    std::unique_lock lock(mutex_);
    while (!stopped_ && !tasks_.empty()) {
      const auto task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
      lock.lock();
    }
    ended_.splice(ended_.end(), working_, self);
    all_ended_.notify_all();
  }

  const unsigned at_once_max_;
  std::mutex mutex_;
  std::condition_variable all_ended_;
  std::deque<std::function<void()>> tasks_;
  std::list<std::thread> working_, ended_;
  bool stopped_ = false;
};

}  // namespace operon::scenario_image
