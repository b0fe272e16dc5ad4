/// core/jobs/worker_pool.hpp: a few threads for work that may block on a runner; one runner that hangs leaves threads to the others.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace operon::jobs {

/// Thread-safe. Work of one key runs on at most `per_key_max` threads; keys take turns.
class WorkerPool {
 public:
  WorkerPool(unsigned threads, unsigned per_key_max);
  ~WorkerPool();  ///< stop()

  /// False: stopped. What the work throws is logged.
  bool post(const std::string& key, std::function<void()> work);
  /// Forgets what waits, waits for what runs.
  void stop();
  size_t waiting() const;

 private:
  struct Line {
    std::deque<std::function<void()>> work;
    unsigned running = 0;
  };

  void loop();
  std::map<std::string, Line>::iterator runnable();

  const unsigned per_key_max_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::map<std::string, Line> lines_;
  std::string last_key_;
  size_t waiting_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace operon::jobs
