/// core/jobs/log_spool.hpp: the log of a run that has not been archived: its bytes on disk, who waits for more, and how far the runner has
/// been read.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/jobs/log_hub.hpp"
#include "core/jobs/log_marks.hpp"
#include "core/jobs/log_source.hpp"
#include "core/plugin/call.hpp"

namespace operon::jobs {

struct LogPaths {
  std::string spool, marks, archive;
  LogPaths(const std::filesystem::path& dir, const std::string& id);
};

/// What hub and log share about one reader; the reader itself belongs to its stream.
struct Follower {
  std::function<void()> waker;
  std::atomic<bool> waiting{false}, dropped{false}, closed{false};
  std::atomic<uint64_t> offset{0};
  std::atomic<uint64_t> target{0};  ///< where a reader of a finished log ends; live ones look at the log
  std::atomic<int64_t> took_ms{0}, behind_since_ms{0};
};

/// Milliseconds that only go up; for stalls and back-off.
int64_t monotonic_ms();

/// Bytes in, wake-ups out. Thread-safe.
class Spool {
 public:
  Spool(LogPaths paths, const LogLimits& limits) : paths_(std::move(paths)), limits_(limits) {}

  /// Opens the files; what is there is the beginning of the log. Throws Error(unavailable). Again: nothing.
  void open();
  bool is_open() const;
  uint64_t end() const { return end_.load(std::memory_order_acquire); }
  bool complete() const { return complete_.load(std::memory_order_acquire); }
  bool cut() const { return cut_.load(); }
  /// Counts up whenever writing stops or goes on; `trouble` tells followers which.
  unsigned trouble_epoch() const { return trouble_epoch_.load(std::memory_order_acquire); }
  std::string trouble() const;

  /// Takes all of it or nothing (false: the disk does not take it now).
  bool append(std::string_view bytes, std::optional<int64_t> unix_ms);
  /// The next byte stands at `offset`, past the end: what lies between is missing. Past log_bytes_max the log is cut.
  bool skip_to(uint64_t offset);
  void finish(bool incomplete);

  /// Parks a reader that has read up to `offset`. False: there is more already, or nothing comes any more.
  bool park(const std::shared_ptr<Follower>&, uint64_t offset);
  void wake_all();

  std::shared_ptr<LogSource> source() const;
  std::shared_ptr<MarkFile> marks() const;
  /// Copies from the ring when `offset` is still in it; 0: it is not.
  size_t from_ring(uint64_t offset, char* into, size_t size) const;
  void follow(int change);
  /// What the ring may hold from now on; a log that nobody follows holds none.
  void bound_ring(size_t bytes_max);

  const LogPaths& paths() const { return paths_; }
  const LogLimits& limits() const { return limits_; }

 private:
  using Waiters = std::vector<std::shared_ptr<Follower>>;
  bool write(std::string_view bytes);
  void failed(const std::string& why);
  void keep_newest(std::string_view bytes);
  static void wake(Waiters&);

  const LogPaths paths_;
  const LogLimits limits_;  // its own: readers and late calls may outlive the hub
  mutable std::mutex mutex_;
  std::shared_ptr<base::Fd> fd_;
  std::shared_ptr<MarkFile> marks_;
  std::atomic<uint64_t> end_{0};
  std::atomic<bool> complete_{false}, cut_{false};
  std::atomic<unsigned> trouble_epoch_{0};
  std::string trouble_;
  int64_t last_time_ms_ = 0;
  Waiters waiters_;
  std::string ring_;
  size_t ring_max_ = 0;
  int followers_ = 0;
};

}  // namespace operon::jobs
