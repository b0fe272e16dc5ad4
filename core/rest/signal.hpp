/// core/rest/signal.hpp: wakes a stream from any thread, also when the stream has gone.
#pragma once

#include <functional>
#include <mutex>

namespace operon::rest {

/// Thread-safe. Kept by shared_ptr on both sides.
class Signal {
 public:
  void set(std::function<void()> waker) {
    std::lock_guard lock(mutex_);
    waker_ = std::move(waker);
  }
  void raise() {
    std::function<void()> waker;
    {
      std::lock_guard lock(mutex_);
      waker = waker_;
    }
    if (waker) waker();
  }

 private:
  std::mutex mutex_;
  std::function<void()> waker_;
};

}  // namespace operon::rest
