#include "core/jobs/log_marks.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/base/text.hpp"
#include "operon/error.hpp"

namespace operon::jobs {
namespace {

uint32_t check_of(const Mark& mark) {
  uint64_t h =
      mark.offset * 0x9E3779B97F4A7C15ull ^ static_cast<uint64_t>(mark.value) * 0xC2B2AE3D27D4EB4Full ^ static_cast<uint64_t>(mark.kind);
  return static_cast<uint32_t>(h ^ (h >> 32)) | 1u;
}

}  // namespace

std::string mark_text(const Mark& mark, uint64_t log_bytes_max) {
  switch (mark.kind) {
    case MarkKind::gap:
      return "ERROR: " + std::to_string(mark.value) + " bytes missing here\n";
    case MarkKind::cut:
      return "ERROR: log cut here, it reached " + base::bytes_text(log_bytes_max) + " (log_bytes_max)\n";
    case MarkKind::incomplete:
      return "ERROR: the rest of this log could not be read from the runner\n";
    case MarkKind::time:
      break;
  }
  return {};
}

std::shared_ptr<MarkFile> MarkFile::open(const std::string& path, uint64_t log_end) {
  auto file = std::make_shared<MarkFile>();
  file->path_ = path;
  file->fd_ = base::Fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  struct stat info {};
  if (!file->fd_ || ::fstat(file->fd_.get(), &info) != 0)
    throw Error(Code::unavailable, "cannot write " + path + ": " + std::strerror(errno));
  uint64_t count = static_cast<uint64_t>(info.st_size) / sizeof(Mark);
  file->count_ = count;
  Mark last;
  while (count > 0) {
    const bool good = file->read(count - 1, &last, 1) == 1;
    if (good && last.offset + (last.kind == MarkKind::gap ? static_cast<uint64_t>(last.value) : 0) <= log_end &&
        last.kind != MarkKind::incomplete)
      break;
    file->count_ = --count;
  }
  if (::ftruncate(file->fd_.get(), static_cast<off_t>(count * sizeof(Mark))) != 0) {
    throw Error(Code::unavailable, "cannot write " + path + ": " + std::strerror(errno));
  }
  return file;
}

std::shared_ptr<MarkFile> MarkFile::open_existing(const std::string& path) {
  auto file = std::make_shared<MarkFile>();
  file->path_ = path;
  file->fd_ = base::Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat info {};
  if (!file->fd_ || ::fstat(file->fd_.get(), &info) != 0) return nullptr;
  file->count_ = static_cast<uint64_t>(info.st_size) / sizeof(Mark);
  return file;
}

void MarkFile::append(uint64_t offset, int64_t value, MarkKind mark_kind) {
  Mark mark{offset, value, mark_kind, 0};
  mark.check = check_of(mark);
  const uint64_t at = count_.load(std::memory_order_relaxed);
  const ssize_t n = ::pwrite(fd_.get(), &mark, sizeof(mark), static_cast<off_t>(at * sizeof(mark)));
  if (n != static_cast<ssize_t>(sizeof(mark))) {
    const int error = n < 0 ? errno : ENOSPC;
    throw Error(Code::unavailable, "cannot write " + path_ + ": " + std::strerror(error));
  }
  count_.store(at + 1, std::memory_order_release);
}

size_t MarkFile::read(uint64_t index, Mark* into, size_t max) const {
  const uint64_t count = this->count();
  if (index >= count) return 0;
  max = static_cast<size_t>(std::min<uint64_t>(max, count - index));
  const ssize_t n = ::pread(fd_.get(), into, max * sizeof(Mark), static_cast<off_t>(index * sizeof(Mark)));
  size_t whole = n <= 0 ? 0 : static_cast<size_t>(n) / sizeof(Mark);
  for (size_t i = 0; i < whole; ++i) {
    if (into[i].check != check_of(into[i])) return i;
  }
  return whole;
}

uint64_t MarkFile::first_from(uint64_t offset) const {
  uint64_t low = 0, high = count();
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    Mark mark;
    if (read(middle, &mark, 1) != 1) return count();
    if (mark.offset < offset) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

void MarkCursor::seek(uint64_t offset) {
  if (!file_) return;
  index_ = file_->first_from(offset);
  at_ = filled_ = 0;
  Mark mark;
  for (uint64_t back = index_; back > 0; --back) {
    if (file_->read(back - 1, &mark, 1) == 1 && mark.kind == MarkKind::time) {
      time_ = mark.value;
      return;
    }
  }
}

const Mark* MarkCursor::peek() {
  if (!file_) return nullptr;
  if (at_ == filled_) {
    at_ = 0;
    filled_ = file_->read(index_, block_.data(), block_.size());
    if (filled_ == 0) return nullptr;
  }
  return &block_[at_];
}

void MarkCursor::take() {
  if (block_[at_].kind == MarkKind::time) time_ = block_[at_].value;
  ++at_;
  ++index_;
}

}  // namespace operon::jobs
