/// log_follower.hpp: one `logs` call, answered from the container's log without a thread.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "cluster.hpp"
#include "log_lines.hpp"
#include "operon/sdk/job_runner.hpp"
#include "pod_state.hpp"
#include "worker.hpp"

namespace operon::runner_pod {

using LogsCall = sdk::AsyncCall<sdk::LogsAnswer>;

/// Thread-safe; keep it in a shared_ptr. Waits for the container, reads its log, goes on where a broken stream ended, and ends when the
/// container has ended and all is read.
class LogFollower : public std::enable_shared_from_this<LogFollower> {
 public:
  struct Means {
    Cluster& cluster;
    Worker& later;
    std::function<void(const LogPlace&)> reached;          ///< a place worth remembering
    std::function<void(const std::string& words)> unread;  ///< the node has not read the log for some seconds; what it says
  };

  LogFollower(LogsCall call, const sdk::LogsRequest& request, std::optional<LogPlace> known, Means means);
  void begin();
  /// True: there is nothing more to be told.
  bool pod_changed(const PodState& pod);
  /// Ends the call.
  void stop();

 private:
  enum class State { waiting, streaming, pausing, ended };

  void open();
  bool take(std::string_view bytes, uint64_t stream);
  void stream_ended(std::optional<Error> error, uint64_t stream);
  void pump();
  bool flush();
  void finish(std::optional<Error> error);
  void pause();
  std::string unread_for_good() const;

  const LogsCall call_;
  const std::string job_;
  const bool follow_;
  const Means means_;
  std::mutex mutex_;
  PodState pod_;
  State state_ = State::waiting;
  uint64_t stream_ = 0;  ///< number of the open stream; what comes of another one is dropped
  std::optional<sdk::Operation> operation_;
  bool whole_ = false;                  ///< the container had ended when the stream began: its end is the log's
  uint64_t began_at_ = 0;               ///< offset when the stream began
  bool read_cleanly_ = false;           ///< the last stream that brought anything ended without an error, with all that there was
  bool unread_told_ = false;            ///< once is enough
  bool complete_ = false;               ///< nothing more comes
  std::optional<Error> failure_;        ///< of the whole call, told when all is flushed
  unsigned failures_ = 0, unread_ = 0;  ///< streams in a row that broke, and that the node could not read the log for
  LogLines lines_;
  std::deque<LogPiece> pending_;
  uint64_t emitted_;  ///< offset that the host has
  std::optional<int64_t> told_unix_ms_;
  std::optional<LogPlace> remembered_;
  bool pumping_ = false, again_ = false, full_ = false;
};

}  // namespace operon::runner_pod
