/// core/jobs/log_hub.hpp: one read of a run's log however many follow it.
///
/// The upstream bytes go to a spool file (whole log) and a ring in memory (the newest bytes). Followers pull: whoever does not is dropped
/// with a marker and slows nobody. A finished log is archived, compressed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "operon/kinds/job_runner.hpp"

namespace operon::jobs {

class Runners;

struct LogLimits {
  size_t ring_bytes_max = 256u << 10;        ///< per followed run; less when many are followed: all rings together hold 16 MiB
  uint64_t log_bytes_max = 4ull << 30;       ///< per run, spooled; more is marked as cut
  int64_t follower_stall_ms = 30000;         ///< a follower that took nothing for so long while there was something is dropped
  unsigned followers_max = 10000;            ///< over all runs
  uint64_t archive_bytes_max = 10ull << 30;  ///< all archives together; oldest go first
};

struct LogOptions {
  bool follow = false;
  std::optional<uint64_t> tail_lines;
  bool timestamps = false;
  bool ended = false;  ///< the run has ended: its whole log is read, and what the runner has not handed over yet is waited for
};

/// One reader of one log. Not thread-safe: one thread at a time.
class LogReader {
 public:
  enum class Got { data, wait, end, dropped };
  virtual ~LogReader() = default;
  /// Appends about `max` bytes at most. `wait`: nothing now, the waker will be called. `dropped`: the marker was appended, nothing follows.
  /// Never blocks on the upstream.
  virtual Got read(std::string& into, size_t max) = 0;
};

/// The line that ends the stream of a follower who was dropped.
std::string dropped_marker(int64_t stalled_ms);

/// Thread-safe.
class LogHub {
 public:
  LogHub(std::filesystem::path dir, const Runners&, LogLimits);
  ~LogHub();

  /// A record was made: a follower of this run waits for begin() or end(). Whoever opens a run that was never announced reads what is
  /// stored and ends.
  void expect(const std::string& job_id);
  /// The run started (or was recovered): the hub reads its log from the offset that it has stored.
  void begin(const std::string& job_id, const std::string& runner, const std::optional<kinds::job_runner::Handle>&);
  /// The run ended: the hub reads what is left (bounded), then archives. `done` is called when the runner's copy is not needed any more.
  void end(const std::string& job_id, std::function<void()> done);
  /// Whether anything of that log is here: being read, spooled or archived.
  bool has(const std::string& job_id) const;
  /// What is still known of a log that was read elsewhere, for readers to come. Does nothing when has().
  void keep(const std::string& job_id, std::string_view text);
  /// The record is past retention.
  void forget(const std::string& job_id);
  /// `waker` is called (any thread, must not block) when a reader that answered `wait` should try again.
  std::unique_ptr<LogReader> open(const std::string& job_id, const LogOptions&, std::function<void()> waker);
  /// The last bytes of the log, at most `bytes_max`.
  std::string tail(const std::string& job_id, size_t bytes_max) const;
  /// Ends all upstream reads; spools stay and are taken up again by begin().
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace operon::jobs
