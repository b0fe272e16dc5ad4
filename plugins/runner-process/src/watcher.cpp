#include "watcher.hpp"

#include <limits.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>

#include <cstring>
#include <string_view>
#include <vector>

#include "operon/run_folder/layout.hpp"

namespace operon::runner_process {

constexpr int unwatched_interval_ms = 200;
constexpr size_t events_bytes = 64u << 10;

// The lock is open for writing in the supervisor alone: when that descriptor goes, the supervisor has.
constexpr uint32_t state_events = IN_MOVED_TO | IN_CLOSE_WRITE | IN_ONLYDIR;
constexpr uint32_t log_events = IN_MODIFY | IN_CREATE;

Watcher::Watcher(Listener listener)
    : listener_(std::move(listener)),
      inotify_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)),
      wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

Watcher::~Watcher() {
  stop();
}

void Watcher::begin() {
  thread_ = std::thread([this] { loop(); });
}

void Watcher::stop() {
  stopping_ = true;
  ::eventfd_write(wake_.get(), 1);
  if (thread_.joinable()) thread_.join();
}

/// With the mutex held.
void Watcher::watch(const std::string& job, Run& run) {
  const bool was_watched = run.watch >= 0;
  const uint32_t mask = state_events | (run.followers > 0 ? log_events : 0);
  run.watch = inotify_ ? ::inotify_add_watch(inotify_.get(), run.folder.c_str(), mask) : -1;
  if (run.watch >= 0) jobs_[run.watch] = job;
  if (was_watched && run.watch < 0) ++unwatched_;
  if (!was_watched && run.watch >= 0) --unwatched_;
}

void Watcher::add(const std::string& job, const std::filesystem::path& folder) {
  const std::lock_guard lock(mutex_);
  const auto [run, added] = runs_.try_emplace(job);
  if (!added) return;
  run->second.folder = folder;
  ++unwatched_;
  watch(job, run->second);
  if (run->second.watch < 0) ::eventfd_write(wake_.get(), 1);
}

void Watcher::remove(const std::string& job) {
  const std::lock_guard lock(mutex_);
  const auto run = runs_.find(job);
  if (run == runs_.end()) return;
  if (run->second.watch >= 0) {
    ::inotify_rm_watch(inotify_.get(), run->second.watch);
    jobs_.erase(run->second.watch);
  } else {
    --unwatched_;
  }
  runs_.erase(run);
}

void Watcher::poke(const std::string& job) {
  {
    const std::lock_guard lock(mutex_);
    poked_.push_back(job);
  }
  ::eventfd_write(wake_.get(), 1);
}

void Watcher::look_at_poked() {
  std::vector<std::string> jobs;
  {
    const std::lock_guard lock(mutex_);
    jobs.swap(poked_);
  }
  for (const auto& job : jobs) listener_.changed(job, true);
}

void Watcher::follow(const std::string& job, bool on) {
  const std::lock_guard lock(mutex_);
  const auto run = runs_.find(job);
  if (run == runs_.end() || (!on && run->second.followers == 0)) return;
  const bool before = run->second.followers > 0;
  run->second.followers += on ? 1 : -1;
  if (before != (run->second.followers > 0)) watch(job, run->second);
}

void Watcher::loop() {
  listener_.started();
  while (!stopping_) {
    pollfd fds[] = {{inotify_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    int timeout = -1;
    {
      const std::lock_guard lock(mutex_);
      if (unwatched_ > 0) timeout = unwatched_interval_ms;
    }
    const int ready = ::poll(fds, 2, timeout);
    eventfd_t ignored;
    ::eventfd_read(wake_.get(), &ignored);
    if (stopping_) return;
    if (ready == 0) look_at_all(true);
    read_events();
    look_at_poked();
  }
}

void Watcher::read_events() {
  alignas(inotify_event) static thread_local char bytes[events_bytes];
  std::unordered_map<int, Seen> seen;
  bool overflow = false;
  const ssize_t got = inotify_ ? ::read(inotify_.get(), bytes, sizeof bytes) : 0;
  for (ssize_t at = 0; at < got;) {
    inotify_event event;
    std::memcpy(&event, bytes + at, sizeof event);
    const char* const text = bytes + at + sizeof event;
    const std::string_view name(text, strnlen(text, event.len));
    auto& run = seen[event.wd];
    const bool log = name.starts_with(run_folder::segment_prefix);
    if ((event.mask & IN_Q_OVERFLOW) != 0) overflow = true;
    if ((event.mask & IN_MOVED_TO) != 0 && name == run_folder::status_file) run.changed = true;
    if ((event.mask & IN_CLOSE_WRITE) != 0 && name == run_folder::lock_file) run.changed = true;
    if ((event.mask & (IN_MODIFY | IN_CREATE)) != 0 && log) run.grew = true;
    if ((event.mask & IN_CREATE) != 0 && log) run.segment = true;
    at += static_cast<ssize_t>(sizeof event + event.len);
  }
  if (overflow) return look_at_all(false);
  for (const auto& [watch, what] : seen) {
    std::string job;
    {
      const std::lock_guard lock(mutex_);
      const auto found = jobs_.find(watch);
      if (found == jobs_.end()) continue;
      job = found->second;
    }
    tell(job, what);
  }
}

void Watcher::look_at_all(bool only_unwatched) {
  std::vector<std::string> jobs;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [job, run] : runs_) {
      if (!only_unwatched || run.watch < 0) jobs.push_back(job);
    }
  }
  for (const auto& job : jobs) tell(job, {true, true, true, !only_unwatched});
}

void Watcher::tell(const std::string& job, const Seen& seen) {
  if (seen.changed) listener_.changed(job, seen.certain);
  if (seen.grew) listener_.log_grew(job, seen.segment);
}

}  // namespace operon::runner_process
