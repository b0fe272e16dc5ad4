/// core/jobs/log_archiver.hpp: one thread that packs finished logs, and keeps the archives within their bound.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "core/jobs/log_upstream.hpp"

namespace operon::jobs {

class LogArchiver {
 public:
  /// `packed` is called on this thread when the archive stands.
  LogArchiver(std::filesystem::path dir, uint64_t archive_bytes_max, std::function<void(const std::shared_ptr<LiveLog>&)> packed);
  ~LogArchiver() { stop(); }

  void post(std::shared_ptr<LiveLog>);
  void forget(const LogPaths&);
  void stop();

 private:
  void loop();
  bool pack(LiveLog&);
  void scan();
  void keep_within();

  const std::filesystem::path dir_;
  const uint64_t bytes_max_;
  const std::function<void(const std::shared_ptr<LiveLog>&)> packed_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<LiveLog>> queue_;
  bool stopping_ = false;
  std::atomic<uint64_t> total_bytes_{0};
  std::thread thread_;
};

}  // namespace operon::jobs
