/// data-provider/cancellation.hpp: tells a thread that waits in poll() that nobody waits for its answer any more.
#pragma once

#include <sys/eventfd.h>

#include <atomic>
#include <cstdint>

#include "core/base/files.hpp"

namespace operon::data_provider {

class Cancellation {
 public:
  Cancellation() : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  void cancel() noexcept {
    cancelled_ = true;
    eventfd_write(event_.get(), 1);
  }
  bool is_cancelled() const noexcept { return cancelled_; }
  /// Readable once it is cancelled; negative when the process had no descriptor left: then cancel() is seen at the deadline only.
  int fd() const noexcept { return event_.get(); }

 private:
  base::Fd event_;
  std::atomic<bool> cancelled_ = false;
};

}  // namespace operon::data_provider
