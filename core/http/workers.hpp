/// core/http/workers.hpp: the bounded pool that runs handlers which may block.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace operon::http {

/// Threads are made when they are first needed and stay. Thread-safe.
class Workers {
 public:
  Workers(std::string name, unsigned threads_max, unsigned queued_max);
  ~Workers();  ///< waits for what runs; what is queued is dropped

  /// False: all threads are busy and the queue is full.
  bool submit(std::function<void()>);
  void stop();

 private:
  void run(unsigned number);

  const std::string name_;
  const unsigned threads_max_, queued_max_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_;
  std::vector<std::thread> threads_;
  unsigned idle_ = 0;
  bool stopping_ = false;
};

}  // namespace operon::http
