/// data-provider/background.hpp: work that would hold up the calls' thread, one piece after the other on a thread of its own.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace operon::data_provider {

/// Thread-safe. Its owner sees to it that not too much waits: who posts is a call, and those are counted.
class Background {
 public:
  Background();
  ~Background();  ///< what was posted is done before

  /// `work` must not throw.
  void post(std::function<void()> work);

 private:
  void run();

  std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace operon::data_provider
