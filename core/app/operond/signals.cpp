#include "core/app/operond/signals.hpp"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <ctime>

#include "core/log/log.hpp"

namespace operon::app {
namespace {

constexpr int nudge = SIGUSR1;  // the watcher's own: look at `quit_` and `end_`

sigset_t watched() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGTERM, SIGINT, SIGHUP, nudge}) sigaddset(&set, signal);
  return set;
}

}  // namespace

Signals::Signals() {
  const auto set = watched();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  thread_ = std::thread([this] { watch(); });
}

Signals::~Signals() {
  {
    std::lock_guard lock(mutex_);
    quit_ = true;
  }
  pthread_kill(thread_.native_handle(), nudge);
  thread_.join();
}

Signals::Event Signals::wait(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, time, [&] { return reload_ || (stops_ > 0 && !stop_taken_); })) return Event::none;
  if (stops_ > 0) {
    stop_taken_ = true;
    return Event::stop;
  }
  reload_ = false;
  return Event::reload;
}

bool Signals::stop_asked() const {
  std::lock_guard lock(mutex_);
  return stops_ > 0;
}

void Signals::must_end_within(std::chrono::milliseconds time) {
  {
    std::lock_guard lock(mutex_);
    end_ = std::chrono::steady_clock::now() + time;
  }
  pthread_kill(thread_.native_handle(), nudge);
}

void Signals::watch() {
  pthread_setname_np(pthread_self(), "operon-signals");
  const auto set = watched();
  while (true) {
    std::optional<std::chrono::steady_clock::time_point> end;
    {
      std::lock_guard lock(mutex_);
      if (quit_) return;
      end = end_;
    }
    int signal = 0;
    if (!end) {
      signal = sigwaitinfo(&set, nullptr);
    } else {
      const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(*end - std::chrono::steady_clock::now()).count();
      if (left <= 0) {
        log::error("not everything stopped within drain_seconds_max; ending now");
        _exit(1);
      }
      const timespec time{left / 1000000000, left % 1000000000};
      signal = sigtimedwait(&set, nullptr, &time);
    }
    if (signal > 0 && signal != nudge) take(signal);
  }
}

void Signals::take(int signal) {
  std::lock_guard lock(mutex_);
  if (signal == SIGHUP) {
    reload_ = true;
  } else if (++stops_ > 1) {
    log::warn("a second signal: ending at once");
    _exit(1);
  }
  changed_.notify_all();
}

}  // namespace operon::app
