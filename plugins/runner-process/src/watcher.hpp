/// watcher.hpp: learns of changes in run folders: one thread, one inotify instance, no descriptor per run.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "operon/fd.hpp"

namespace operon::runner_process {

/// Thread-safe. Runs that the kernel takes no watch for are looked at a few times a second instead.
class Watcher {
 public:
  struct Listener {
    std::function<void()> started;  ///< once, first thing on the watcher's thread
    /// A new status, or the end of its supervisor; not `certain`: perhaps.
    std::function<void(const std::string& job, bool certain)> changed;
    std::function<void(const std::string& job, bool new_segment)> log_grew;  ///< only of runs that are followed
  };
  /// The listener is called on the watcher's thread. Nothing is called before begin().
  explicit Watcher(Listener listener);
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;
  void begin();
  /// Joins the thread.
  void stop();

  void add(const std::string& job, const std::filesystem::path& folder);
  void remove(const std::string& job);
  /// Has the listener told on the watcher's thread that the run changed.
  void poke(const std::string& job);
  /// Every follow(true) wants a follow(false). A run that is not watched is not followed either.
  void follow(const std::string& job, bool on);

 private:
  struct Run {
    std::filesystem::path folder;
    int watch = -1;
    unsigned followers = 0;
  };
  struct Seen {
    bool changed = false, grew = false, segment = false, certain = true;
  };
  void loop();
  void watch(const std::string& job, Run& run);
  void read_events();
  void look_at_all(bool only_unwatched);
  void look_at_poked();
  void tell(const std::string& job, const Seen& seen);

  Listener listener_;
  Fd inotify_, wake_;
  std::mutex mutex_;
  std::unordered_map<std::string, Run> runs_;
  std::unordered_map<int, std::string> jobs_;  ///< by watch
  std::vector<std::string> poked_;
  unsigned unwatched_ = 0;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace operon::runner_process
