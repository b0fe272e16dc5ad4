#include "core/jobs/log_spool.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "core/base/clock.hpp"
#include "core/log/log.hpp"
#include "operon/error.hpp"

namespace operon::jobs {
namespace {

constexpr int64_t time_mark_every_ms = 100;

}  // namespace

LogPaths::LogPaths(const std::filesystem::path& dir, const std::string& id)
    : spool((dir / (id + ".log")).string()), marks((dir / (id + ".idx")).string()), archive((dir / (id + ".log.zst")).string()) {}

int64_t monotonic_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void Spool::open() {
  std::lock_guard lock(mutex_);
  if (fd_) return;
  base::Fd fd(::open(paths_.spool.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0) throw Error(Code::unavailable, "cannot write " + paths_.spool + ": " + std::strerror(errno));
  marks_ = MarkFile::open(paths_.marks, static_cast<uint64_t>(info.st_size));
  Mark last;
  if (marks_->count() > 0 && marks_->read(marks_->count() - 1, &last, 1) == 1 && last.kind == MarkKind::cut) cut_ = true;
  end_ = static_cast<uint64_t>(info.st_size);
  fd_ = std::make_shared<base::Fd>(std::move(fd));
}

bool Spool::is_open() const {
  std::lock_guard lock(mutex_);
  return fd_ != nullptr;
}

std::string Spool::trouble() const {
  std::lock_guard lock(mutex_);
  return trouble_;
}

void Spool::failed(const std::string& why) {
  if (trouble_.empty()) {
    log::error("a log cannot be written; its run goes on, reading it is put off", {{"path", paths_.spool}, {"error", why}});
    trouble_ = why;
    trouble_epoch_.fetch_add(1, std::memory_order_release);
  }
}

bool Spool::write(std::string_view bytes) {
  uint64_t at = end_.load(std::memory_order_relaxed);
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd_->get(), bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      failed(std::strerror(n < 0 ? errno : ENOSPC));
      return false;
    }
    at += static_cast<uint64_t>(n);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

bool Spool::append(std::string_view bytes, std::optional<int64_t> unix_ms) {
  Waiters woken;
  bool taken = false;
  {
    std::lock_guard lock(mutex_);
    if (!fd_) return false;
    if (complete_ || cut_ || bytes.empty()) return true;
    const uint64_t end = end_.load(std::memory_order_relaxed);
    try {
      const uint64_t room = limits_.log_bytes_max > end ? limits_.log_bytes_max - end : 0;
      const bool cuts = bytes.size() > room;
      if (cuts) bytes = bytes.substr(0, static_cast<size_t>(room));
      const int64_t now = unix_ms.value_or(base::system_clock().unix_ms());
      const bool time_due = last_time_ms_ == 0 || now - last_time_ms_ >= time_mark_every_ms || now < last_time_ms_;
      if (time_due && !bytes.empty()) {
        marks_->append(end, now, MarkKind::time);
        last_time_ms_ = now;
      }
      if (!write(bytes)) {
        woken.swap(waiters_);
      } else {
        if (cuts) {
          marks_->append(end + bytes.size(), 0, MarkKind::cut);
          cut_ = true;
          log::warn("a log is cut at log_bytes_max", {{"path", paths_.spool}});
        }
        keep_newest(bytes);
        end_.store(end + bytes.size(), std::memory_order_release);
        if (!trouble_.empty()) {
          trouble_.clear();
          trouble_epoch_.fetch_add(1, std::memory_order_release);
        }
        woken.swap(waiters_);
      }
    } catch (const Error& e) {
      failed(e.what());
      woken.swap(waiters_);
    }
    taken = trouble_.empty();
  }
  wake(woken);  // also when nothing was taken: followers are told
  return taken;
}

bool Spool::skip_to(uint64_t offset) {
  Waiters woken;
  {
    std::lock_guard lock(mutex_);
    const uint64_t end = end_.load(std::memory_order_relaxed);
    if (!fd_ || complete_ || cut_ || offset <= end) return fd_ != nullptr;
    try {
      if (offset > limits_.log_bytes_max) {  // a hole of that size would be archived, byte by byte
        marks_->append(end, 0, MarkKind::cut);
        cut_ = true;
        return true;
      }
      marks_->append(end, static_cast<int64_t>(offset - end), MarkKind::gap);
      // The hole is made at once: a restart between this and the next byte must not ask for the missing ones again.
      if (::ftruncate(fd_->get(), static_cast<off_t>(offset)) != 0) throw Error(Code::unavailable, std::strerror(errno));
    } catch (const Error& e) {
      failed(e.what());
      return false;
    }
    ring_.clear();
    end_.store(offset, std::memory_order_release);
    woken.swap(waiters_);
  }
  wake(woken);
  return true;
}

void Spool::finish(bool incomplete) {
  Waiters woken;
  {
    std::lock_guard lock(mutex_);
    if (complete_) return;
    try {
      if (incomplete && marks_) marks_->append(end_, 0, MarkKind::incomplete);
    } catch (const Error& e) {
      failed(e.what());
    }
    complete_.store(true, std::memory_order_release);
    woken.swap(waiters_);
  }
  wake(woken);
}

bool Spool::park(const std::shared_ptr<Follower>& follower, uint64_t offset) {
  std::lock_guard lock(mutex_);
  if (end_.load(std::memory_order_relaxed) > offset || complete_) return false;
  if (!follower->waiting.exchange(true)) waiters_.push_back(follower);
  return true;
}

void Spool::wake(Waiters& waiters) {
  const int64_t now = waiters.empty() ? 0 : monotonic_ms();
  for (const auto& follower : waiters) {
    follower->took_ms.store(now, std::memory_order_relaxed);
    follower->waiting.store(false);
    if (!follower->closed) follower->waker();
  }
  waiters.clear();
}

void Spool::wake_all() {
  Waiters woken;
  {
    std::lock_guard lock(mutex_);
    woken.swap(waiters_);
  }
  wake(woken);
}

std::shared_ptr<LogSource> Spool::source() const {
  std::lock_guard lock(mutex_);
  return fd_ ? std::make_shared<FileSource>(fd_, paths_.spool) : nullptr;
}

std::shared_ptr<MarkFile> Spool::marks() const {
  std::lock_guard lock(mutex_);
  return marks_;
}

void Spool::keep_newest(std::string_view bytes) {
  if (followers_ == 0 || ring_max_ == 0) return;
  if (bytes.size() >= ring_max_) {
    ring_.assign(bytes.substr(bytes.size() - ring_max_));
    return;
  }
  // Half of it goes at once, so that bytes are moved rarely.
  if (ring_.size() + bytes.size() > ring_max_) ring_.erase(0, std::max(ring_.size() / 2, ring_.size() + bytes.size() - ring_max_));
  ring_.append(bytes);
}

size_t Spool::from_ring(uint64_t offset, char* into, size_t size) const {
  std::lock_guard lock(mutex_);
  const uint64_t end = end_.load(std::memory_order_relaxed);
  if (offset >= end || end - offset > ring_.size()) return 0;
  const size_t back = static_cast<size_t>(end - offset);
  const size_t n = std::min(size, back);
  std::memcpy(into, ring_.data() + (ring_.size() - back), n);
  return n;
}

void Spool::follow(int change) {
  std::lock_guard lock(mutex_);
  followers_ += change;
  if (followers_ == 0) {
    ring_.clear();
    ring_.shrink_to_fit();
  }
}

void Spool::bound_ring(size_t bytes_max) {
  std::lock_guard lock(mutex_);
  ring_max_ = bytes_max;
  if (ring_.size() > bytes_max) {
    ring_.erase(0, ring_.size() - bytes_max);
    ring_.shrink_to_fit();
  }
}

}  // namespace operon::jobs
