/// worker.hpp: one thread that does what is due.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

namespace operon::runner_pod {

/// Thread-safe. Tasks run one at a time and must not throw; what is not due when it stops is dropped.
class Worker {
 public:
  using Clock = std::chrono::steady_clock;

  Worker() : thread_([this] { loop(); }) {}
  ~Worker() { stop(); }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void after(std::chrono::milliseconds delay, std::function<void()> task) {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      tasks_.emplace(Clock::now() + delay, std::move(task));
    }
    wake_.notify_one();
  }
  /// Joins the thread. Not from a task.
  void stop() {
    std::multimap<Clock::time_point, std::function<void()>> dropped;
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      dropped.swap(tasks_);
    }
    wake_.notify_one();
    if (thread_.joinable()) thread_.join();
  }

 private:
  void loop() {
    std::unique_lock lock(mutex_);
    for (;;) {
      if (stopping_) return;
      if (tasks_.empty()) {
        wake_.wait(lock);
      } else if (const auto due = tasks_.begin()->first; due > Clock::now()) {
        wake_.wait_until(lock, due);
      } else {
        auto task = std::move(tasks_.begin()->second);
        tasks_.erase(tasks_.begin());
        lock.unlock();
        task();
        task = nullptr;
        lock.lock();
      }
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::multimap<Clock::time_point, std::function<void()>> tasks_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace operon::runner_pod
