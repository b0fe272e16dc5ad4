/// core/jobs/log_upstream.hpp: the one read of a run's log: a `logs` call, and another from where it ended when it ends too early.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/jobs/log_spool.hpp"
#include "core/jobs/runners.hpp"
#include "core/metrics/metrics.hpp"

namespace operon::jobs {

struct UpstreamTiming {
  int64_t back_off_first_ms = 200, back_off_max_ms = 10000;
  int64_t reread_ms = 5000;  ///< the runner said all was read, but the run has not ended
  // Of a run that has ended, since its end or since the last bytes came:
  int64_t end_drain_ms = 10000;  ///< the call has not ended: then it is cancelled
  int64_t end_retry_ms = 60000;  ///< the runner cannot be read: then the log stays incomplete
  int64_t end_most_ms = 600000;  ///< since its end, whatever comes: then the log stays incomplete
};

/// A run's log while the host reads it. Made by the hub for every run that has not ended; inert until begin(). Thread-safe.
class LiveLog : public std::enable_shared_from_this<LiveLog> {
 public:
  LiveLog(std::string id, LogPaths paths, const LogLimits& limits, const Runners& runners, const UpstreamTiming& timing,
          std::function<void()> attention);

  void begin(const std::string& runner, const std::optional<kinds::job_runner::Handle>&);
  void end(std::function<void()> done);
  void stop();
  /// Does what is due. True: complete, to be archived (once).
  bool tend(int64_t now_ms);

  bool begun() const;
  std::function<void()> take_done();
  Spool& spool() { return spool_; }
  const std::string& id() const { return id_; }

 private:
  friend class UpstreamObserver;
  enum class State { idle, reading, waiting };

  void open_call();
  void call_failed(const std::string& why);
  bool take(uint32_t stream, std::string_view data, uint64_t call);
  bool event(std::string_view json);
  void call_ended(plugin::Outcome outcome, uint64_t call);

  const std::string id_;
  const Runners& runners_;
  const UpstreamTiming timing_;
  const std::function<void()> attention_;
  const metrics::Counter bytes_;
  Spool spool_;

  mutable std::mutex mutex_;
  std::string runner_;
  std::optional<kinds::job_runner::Handle> handle_;
  State state_ = State::idle;
  bool begun_ = false, ended_ = false, finished_ = false, stopped_ = false, read_all_ = false, gone_ = false, paused_ = false,
       cancelled_ = false;
  int64_t again_ms_ = 0, ended_ms_ = 0, back_off_ms_ = 0;
  uint64_t call_ = 0;
  plugin::CallHandle handle_of_call_;
  std::function<void()> done_;
  // Of the call in flight, whose chunks come one at a time:
  uint64_t expected_ = 0;
  std::atomic<int64_t> took_ms_{0};  ///< when its last bytes came
  std::optional<int64_t> unix_ms_;
};

}  // namespace operon::jobs
