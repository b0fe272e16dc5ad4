#include "log_reader.hpp"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "files.hpp"
#include "operon/fd.hpp"

namespace operon::runner_process {

using run_folder::IndexEntry;

constexpr size_t entries_at_once = 64;

static Fd open_part(const std::filesystem::path& folder, const char* prefix, uint64_t start) {
  char name[32];
  run_folder::segment_name(name, prefix, start);
  return Fd(::open((folder / name).c_str(), O_RDONLY | O_CLOEXEC));
}

std::vector<uint64_t> LogReader::segments() const {
  std::vector<uint64_t> starts;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(folder_.c_str()), &::closedir);
  if (!folder) return starts;
  while (const dirent* entry = ::readdir(folder.get())) {
    uint64_t start = 0;
    if (run_folder::segment_offset(entry->d_name, start)) starts.push_back(start);
  }
  std::sort(starts.begin(), starts.end());
  return starts;
}

/// The newest one that begins at or before the offset; where that was deleted, the oldest there is.
bool LogReader::choose_segment() {
  const auto starts = segments();
  if (starts.empty()) return false;
  const auto after = std::upper_bound(starts.begin(), starts.end(), offset_);
  segment_ = after == starts.begin() ? *after : *(after - 1);
  offset_ = std::max(offset_, *segment_);
  entry_ = 0;
  return true;
}

/// Moves to the segment behind the present one, if there is any.
bool LogReader::next_segment() {
  const auto starts = segments();
  const auto next = std::upper_bound(starts.begin(), starts.end(), *segment_);
  if (next == starts.end()) return false;
  char probe = 0;
  if (read_segment(&probe, 1).value_or(0) > 0) return true;  // written to after we looked, before the next one was made
  segment_ = *next;
  if (offset_ > *next) segment_ = *(std::upper_bound(starts.begin(), starts.end(), offset_) - 1);  // somebody asked for bytes yet to come
  offset_ = std::max(offset_, *segment_);
  entry_ = 0;
  return true;
}

/// None when the segment has been deleted.
std::optional<size_t> LogReader::read_segment(char* buffer, size_t size) const {
  const Fd file = open_part(folder_, run_folder::segment_prefix, *segment_);
  if (!file) {
    if (errno == ENOENT) return std::nullopt;
    throw_errno("open the log in", folder_);
  }
  ssize_t got = 0;
  do {
    got = ::pread(file.get(), buffer, size, static_cast<off_t>(offset_ - *segment_));
  } while (got < 0 && errno == EINTR);
  if (got < 0) throw_errno("read the log in", folder_);
  return static_cast<size_t>(got);
}

LogReader::Piece LogReader::read(char* buffer, size_t size, bool look_for_segments) {
  for (;;) {
    if (!segment_ && !choose_segment()) return {};
    const auto got = read_segment(buffer, size);
    if (!got) {
      segment_.reset();
      continue;
    }
    if (*got > 0) {
      Piece piece{*got, offset_, std::nullopt};
      cut_by_time(piece);
      return piece;
    }
    if (!look_for_segments || !next_segment()) return {};
  }
}

/// Finds when the piece's first byte was written, and ends the piece where the next time begins.
void LogReader::cut_by_time(Piece& piece) {
  const Fd file = open_part(folder_, run_folder::index_prefix, *segment_);
  if (!file) return;
  IndexEntry entries[entries_at_once];
  for (;;) {
    const ssize_t got = ::pread(file.get(), entries, sizeof entries, static_cast<off_t>(entry_ * sizeof(IndexEntry)));
    const size_t count = got <= 0 ? 0 : static_cast<size_t>(got) / sizeof(IndexEntry);
    if (count == 0 || entries[0].offset > piece.offset) return;
    size_t last = 0;
    while (last + 1 < count && entries[last + 1].offset <= piece.offset) ++last;
    entry_ += last;
    if (last + 1 == count && count == entries_at_once) continue;
    piece.unix_ms = entries[last].unix_ms;
    if (last + 1 < count) piece.size = std::min<size_t>(piece.size, entries[last + 1].offset - piece.offset);
    return;
  }
}

}  // namespace operon::runner_process
