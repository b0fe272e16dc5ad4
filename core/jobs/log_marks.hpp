/// core/jobs/log_marks.hpp: what is known about the bytes of a log besides the bytes: when they came, and which are missing.
///
/// Marks stand in a file beside the log, `<id>.idx`, 24 bytes each, ordered by offset: a byte's offset in the spool is its offset in the
/// run's output, always; missing bytes are a hole there and a mark here.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/base/files.hpp"

namespace operon::jobs {

enum class MarkKind : uint32_t {
  time = 1,        ///< value: unix ms of the bytes from here on
  gap = 2,         ///< value: so many bytes are missing from here on
  cut = 3,         ///< log_bytes_max was reached: nothing follows
  incomplete = 4,  ///< the runner could not be read to the end
};

struct Mark {
  uint64_t offset = 0;
  int64_t value = 0;
  MarkKind kind = MarkKind::time;
  uint32_t check = 0;
};
static_assert(sizeof(Mark) == 24);

/// The visible line in a log; ends with a newline.
std::string mark_text(const Mark&, uint64_t log_bytes_max);

/// Appended to by one thread at a time, read by any.
class MarkFile {
 public:
  /// Opens or makes it. Marks that reach past `log_end` were written for bytes that never came: they go, like a torn last one.
  static std::shared_ptr<MarkFile> open(const std::string& path, uint64_t log_end);
  /// For reading only; null when there is none.
  static std::shared_ptr<MarkFile> open_existing(const std::string& path);

  /// Throws Error(unavailable).
  void append(uint64_t offset, int64_t value, MarkKind);
  uint64_t count() const { return count_.load(std::memory_order_acquire); }
  /// Up to `max` marks from `index`; fewer at the end or where one is damaged.
  size_t read(uint64_t index, Mark* into, size_t max) const;
  /// Index of the first mark at or after `offset`.
  uint64_t first_from(uint64_t offset) const;

 private:
  base::Fd fd_;
  std::string path_;
  std::atomic<uint64_t> count_{0};
};

/// Walks the marks along with a reader.
class MarkCursor {
 public:
  explicit MarkCursor(std::shared_ptr<MarkFile> file) : file_(std::move(file)) {}
  /// Stands before the marks of `offset`; the time in force there is known.
  void seek(uint64_t offset);
  /// The next mark, not taken yet.
  const Mark* peek();
  void take();
  int64_t time() const { return time_; }

 private:
  std::shared_ptr<MarkFile> file_;
  uint64_t index_ = 0;
  std::array<Mark, 16> block_;
  size_t at_ = 0, filled_ = 0;
  int64_t time_ = 0;
};

}  // namespace operon::jobs
