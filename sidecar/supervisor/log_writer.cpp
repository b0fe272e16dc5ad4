#include "log_writer.hpp"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.hpp"
#include "operon/run_folder/layout.hpp"

namespace operon::supervisor {

using run_folder::IndexEntry;
using run_folder::segment_name;

constexpr int64_t index_interval_ms = 50;   ///< the finest that times are told
constexpr int64_t retry_interval_ms = 200;  ///< between attempts to store after a failure

/// Calls `f(offset, bytes)` for every segment; no order.
template <class F>
static void each_segment(F&& f) {
  DIR* const folder = opendir(".");
  if (folder == nullptr) return;
  while (const dirent* entry = readdir(folder)) {
    uint64_t offset = 0;
    struct stat info;
    if (!run_folder::segment_offset(entry->d_name, offset)) continue;
    if (fstatat(dirfd(folder), entry->d_name, &info, 0) == 0) f(offset, static_cast<uint64_t>(info.st_size));
  }
  closedir(folder);
}

bool LogWriter::begin(uint64_t segment_bytes, uint64_t log_bytes_max) {
  segment_bytes_ = segment_bytes;
  log_bytes_max_ = log_bytes_max;
  each_segment([this](uint64_t offset, uint64_t bytes) {
    if (offset + bytes > end_) end_ = offset + bytes;
  });
  return open_segment();
}

bool LogWriter::open_segment() {
  char name[32];
  delete_oldest();
  segment_name(name, run_folder::segment_prefix, end_);
  segment_ = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (segment_ < 0) return false;
  segment_name(name, run_folder::index_prefix, end_);
  index_ = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  start_ = end_;
  noted_ms_ = 0;
  return true;
}

void LogWriter::close_segment() {
  if (segment_ >= 0) close(segment_);
  if (index_ >= 0) close(index_);
  segment_ = index_ = -1;
}

void LogWriter::delete_oldest() {
  for (;;) {
    uint64_t total = segment_bytes_, oldest = UINT64_MAX;
    each_segment([&](uint64_t offset, uint64_t bytes) {
      total += bytes;
      if (offset < oldest) oldest = offset;
    });
    if (total <= log_bytes_max_ || oldest == UINT64_MAX) return;
    char name[32];
    segment_name(name, run_folder::index_prefix, oldest);
    unlink(name);
    segment_name(name, run_folder::segment_prefix, oldest);
    if (unlink(name) != 0) return;
  }
}

/// Before the bytes themselves: whoever sees them sees their time.
void LogWriter::note_time(int64_t now) {
  if (index_ < 0 || (now >= noted_ms_ && now - noted_ms_ < index_interval_ms)) return;
  const IndexEntry entry{end_, now};
  if (write_all(index_, reinterpret_cast<const char*>(&entry), sizeof entry)) {
    noted_ms_ = now;
  } else {
    close(index_);  // a torn entry would shift all that follow: the rest of the segment goes without times
    index_ = -1;
  }
}

void LogWriter::append(const char* bytes, size_t size) {
  while (size > 0) {
    const int64_t now = steady_ms();  // somebody may set the clock back: that must not make us wait
    if (segment_ >= 0 && end_ - start_ >= segment_bytes_) close_segment();
    if (segment_ < 0 && (now < retry_ms_ || !open_segment())) {
      if (now >= retry_ms_) retry_ms_ = now + retry_interval_ms;
      end_ += size;
      lost_ += size;
      return;
    }
    note_time(unix_ms());
    const uint64_t room = segment_bytes_ - (end_ - start_);
    const ssize_t written = write(segment_, bytes, size < room ? size : static_cast<size_t>(room));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {  // disk full, most of the time: what comes is lost until a new segment can be made
      close_segment();
      retry_ms_ = now + retry_interval_ms;
      continue;
    }
    bytes += written;
    size -= static_cast<size_t>(written);
    end_ += static_cast<uint64_t>(written);
  }
}

}  // namespace operon::supervisor
