#include "core/jobs/worker_pool.hpp"

#include <exception>

#include "core/log/log.hpp"

namespace operon::jobs {

WorkerPool::WorkerPool(unsigned threads, unsigned per_key_max) : per_key_max_(per_key_max) {
  for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { loop(); });
}

WorkerPool::~WorkerPool() {
  stop();
}

bool WorkerPool::post(const std::string& key, std::function<void()> work) {
  std::lock_guard lock(mutex_);
  if (stopping_) return false;
  lines_[key].work.push_back(std::move(work));
  ++waiting_;
  wake_.notify_one();
  return true;
}

void WorkerPool::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    for (auto& [key, line] : lines_) line.work.clear();
    waiting_ = 0;
  }
  wake_.notify_all();
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

size_t WorkerPool::waiting() const {
  std::lock_guard lock(mutex_);
  return waiting_;
}

std::map<std::string, WorkerPool::Line>::iterator WorkerPool::runnable() {
  auto line = lines_.upper_bound(last_key_);
  for (size_t tried = 0; tried < lines_.size(); ++tried, ++line) {
    if (line == lines_.end()) line = lines_.begin();
    if (!line->second.work.empty() && line->second.running < per_key_max_) return line;
  }
  return lines_.end();
}

void WorkerPool::loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    auto line = runnable();
    if (line == lines_.end()) {
      if (stopping_) return;
      wake_.wait(lock);
      continue;
    }
    auto work = std::move(line->second.work.front());
    line->second.work.pop_front();
    --waiting_;
    ++line->second.running;
    last_key_ = line->first;
    lock.unlock();
    try {
      work();
    } catch (const std::exception& e) {
      log::error("work on a run failed", {{"error", e.what()}});
    }
    work = nullptr;
    lock.lock();
    // Lines are erased only when nothing of them runs, so the iterator is still good.
    if (--line->second.running == 0 && line->second.work.empty()) {
      lines_.erase(line);
    } else if (!line->second.work.empty()) {
      wake_.notify_one();
    }
  }
}

}  // namespace operon::jobs
