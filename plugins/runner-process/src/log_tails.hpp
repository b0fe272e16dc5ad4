/// log_tails.hpp: every `logs` call in flight, served by one thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "operon/sdk/job_runner.hpp"

namespace operon::runner_process {

using LogsCall = sdk::AsyncCall<sdk::LogsAnswer>;

/// Thread-safe. A reader that takes nothing costs no thread and no copy of the log.
class LogTails {
 public:
  /// `log_end`: bytes of an ended run's log, none as long as it runs; called on the tailing thread. `follow` is told when a call begins
  /// and ends to wait for more.
  struct Source {
    std::function<std::optional<uint64_t>(const std::string& job)> log_end;
    std::function<void(const std::string& job, bool on)> follow;
  };
  explicit LogTails(Source source);
  ~LogTails();
  LogTails(const LogTails&) = delete;
  LogTails& operator=(const LogTails&) = delete;

  void add(const LogsCall& call, const sdk::LogsRequest& request, const std::filesystem::path& folder);
  /// There may be more to read of this run; `new_segment`: in another file.
  void wake(const std::string& job, bool new_segment);
  /// Joins the thread; calls that are left end as cancelled.
  void stop();

 private:
  struct Tail;
  enum class Turn { over, idle, full };  ///< the call has ended; what comes next wakes it; the host has no room
  void loop();
  void queue(const std::shared_ptr<Tail>& tail);
  void serve(const std::shared_ptr<Tail>& tail);
  Turn pump(Tail& tail);
  bool emit_piece(Tail& tail, const char* bytes, size_t size, std::optional<int64_t> unix_ms);
  void drop(const std::shared_ptr<Tail>& tail);

  Source source_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<Tail>> ready_;
  std::unordered_multimap<std::string, std::shared_ptr<Tail>> tails_;
  bool stopping_ = false;
  std::vector<char> buffer_;
  std::thread thread_;
};

}  // namespace operon::runner_process
