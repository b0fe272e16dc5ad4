#include "core/jobs/log_archiver.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <queue>

#include "core/jobs/crash_points.hpp"
#include "core/jobs/log_archive.hpp"
#include "core/log/log.hpp"
#include "operon/error.hpp"

namespace operon::jobs {
namespace {

constexpr std::chrono::seconds retry_after{5};
constexpr size_t oldest_at_once_max = 1000;

bool ends_with(const std::string& name, std::string_view suffix) {
  return name.size() >= suffix.size() && name.compare(name.size() - suffix.size(), suffix.size(), suffix) == 0;
}

}  // namespace

LogArchiver::LogArchiver(std::filesystem::path dir, uint64_t archive_bytes_max, std::function<void(const std::shared_ptr<LiveLog>&)> packed)
    : dir_(std::move(dir)), bytes_max_(archive_bytes_max), packed_(std::move(packed)), thread_([this] { loop(); }) {}

void LogArchiver::post(std::shared_ptr<LiveLog> log) {
  std::lock_guard lock(mutex_);
  queue_.push_back(std::move(log));
  wake_.notify_one();
}

void LogArchiver::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void LogArchiver::loop() {
  scan();
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (queue_.empty()) {
      wake_.wait(lock);
      continue;
    }
    auto log = queue_.front();
    queue_.pop_front();
    lock.unlock();
    const bool done = pack(*log);
    if (done) {
      packed_(log);
      keep_within();
    }
    lock.lock();
    if (done) continue;
    queue_.push_back(std::move(log));
    wake_.wait_for(lock, retry_after, [this] { return stopping_; });
  }
}

bool LogArchiver::pack(LiveLog& log) {
  const LogPaths& paths = log.spool().paths();
  try {
    crash_point(CrashPoint::archive_before);
    const auto source = log.spool().source();
    if (source) {
      total_bytes_ += write_archive(*source, log.spool().end(), paths.archive);
      crash_point(CrashPoint::archive_after_written);
      ::unlink(paths.spool.c_str());
    }
    crash_point(CrashPoint::archive_after);
    return true;
  } catch (const Error& e) {
    log::warn("a finished log could not be archived; trying again", {{"job_id", log.id()}, {"error", e.what()}});
    return false;
  }
}

void LogArchiver::forget(const LogPaths& paths) {
  struct stat info {};
  if (::stat(paths.archive.c_str(), &info) == 0 && ::unlink(paths.archive.c_str()) == 0)
    total_bytes_ -= static_cast<uint64_t>(info.st_size);
  ::unlink(paths.spool.c_str());
  ::unlink(paths.marks.c_str());
}

/// What there is already; archives that a crash left half-written go.
void LogArchiver::scan() {
  std::error_code error;
  uint64_t total = 0;
  for (const auto& file : std::filesystem::directory_iterator(dir_, error)) {
    const std::string name = file.path().filename().string();
    if (ends_with(name, ".log.zst")) total += file.file_size(error);
    if (ends_with(name, ".log.zst.tmp")) ::unlink(file.path().c_str());
  }
  total_bytes_ += total;
  keep_within();
}

/// The oldest go first, a bounded number at a time: their names are not kept in memory.
void LogArchiver::keep_within() {
  while (total_bytes_ > bytes_max_) {
    struct Old {
      std::filesystem::file_time_type time;
      std::string path;
      bool operator<(const Old& other) const { return time < other.time; }
    };
    std::priority_queue<Old> oldest;  // the youngest of them on top
    std::error_code error;
    for (const auto& file : std::filesystem::directory_iterator(dir_, error)) {
      if (!ends_with(file.path().filename().string(), ".log.zst")) continue;
      oldest.push({file.last_write_time(error), file.path().string()});
      if (oldest.size() > oldest_at_once_max) oldest.pop();
    }
    std::vector<Old> order;
    for (; !oldest.empty(); oldest.pop()) order.push_back(oldest.top());
    const uint64_t before = total_bytes_;
    for (auto old = order.rbegin(); old != order.rend() && total_bytes_ > bytes_max_; ++old) {
      const auto size = std::filesystem::file_size(old->path, error);
      if (::unlink(old->path.c_str()) != 0) continue;
      ::unlink((old->path.substr(0, old->path.size() - std::string_view(".log.zst").size()) + ".idx").c_str());
      total_bytes_ -= std::min<uint64_t>(size, total_bytes_);
      log::info("an archived log was removed to stay within archive_bytes_max", {{"path", old->path}});
    }
    if (total_bytes_ == before) return;
  }
}

}  // namespace operon::jobs
