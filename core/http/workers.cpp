#include "core/http/workers.hpp"

#include <pthread.h>

#include <system_error>

#include "core/log/log.hpp"

namespace operon::http {

Workers::Workers(std::string name, unsigned threads_max, unsigned queued_max)
    : name_(std::move(name)), threads_max_(threads_max == 0 ? 1 : threads_max), queued_max_(queued_max) {}

Workers::~Workers() {
  stop();
}

bool Workers::submit(std::function<void()> work) {
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return false;
    const bool must_wait = queue_.size() >= idle_;
    if (must_wait && threads_.size() < threads_max_) {
      try {
        threads_.emplace_back([this, number = static_cast<unsigned>(threads_.size())] { run(number); });
      } catch (const std::system_error& e) {
        log::error("no further worker thread for requests", {{"reason", e.what()}});
        if (threads_.empty()) return false;
      }
    } else if (must_wait && queue_.size() - idle_ >= queued_max_) {
      return false;
    }
    queue_.push_back(std::move(work));
  }
  changed_.notify_one();
  return true;
}

void Workers::stop() {
  std::vector<std::thread> threads;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    queue_.clear();
    threads.swap(threads_);
  }
  changed_.notify_all();
  for (std::thread& t : threads) t.join();
}

void Workers::run(unsigned number) {
  pthread_setname_np(pthread_self(), (name_.substr(0, 9) + "-w" + std::to_string(number)).substr(0, 15).c_str());
  std::unique_lock lock(mutex_);
  while (true) {
    ++idle_;
    changed_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
    --idle_;
    if (stopping_) return;
    std::function<void()> work = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    work();
    work = nullptr;
    lock.lock();
  }
}

}  // namespace operon::http
