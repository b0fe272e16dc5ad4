/// operon/run_folder/layout.hpp: the private folder that runner-process and a run's supervisor share. Format version 1.
///
///     runs/<job id>/        0700
///       spec                what to run (records, spec.hpp); removed by the supervisor when the run has ended
///       lock                locked (flock) as long as a supervisor lives: the only proof of life there is
///       status              what became of it (records, status.hpp); replaced by rename, never written in place
///       control             a FIFO that takes the same request, "GRACE\n"; a byte of anything else only says "look at `stop`"
///       stop                a request to end the run: grace in milliseconds, decimal
///       log.<20 digits>     bytes of stdout and stderr in the order written; the number is the offset of the first byte
///       idx.<20 digits>     when the bytes of the segment of the same number were written: IndexEntry after IndexEntry
///       root/ home/ tmp/    mounted files under their mount paths; HOME and TMPDIR of the run
///
/// A segment that starts behind the end of the one before it says that the bytes between are lost.
/// Shared without a library: the supervisor links no more than the C library.
#pragma once

#include <cstddef>
#include <cstdint>

namespace operon::run_folder {

inline constexpr int format_version = 1;

inline constexpr const char* spec_file = "spec";
inline constexpr const char* lock_file = "lock";
inline constexpr const char* status_file = "status";
inline constexpr const char* control_fifo = "control";
inline constexpr const char* stop_file = "stop";
inline constexpr const char* segment_prefix = "log.";
inline constexpr const char* index_prefix = "idx.";
inline constexpr const char* root_folder = "root";
inline constexpr const char* home_folder = "home";
inline constexpr const char* temp_folder = "tmp";

/// Descriptors that the supervisor is started with.
inline constexpr int lock_fd = 3;       ///< `lock`, opened for writing and locked by whoever starts the supervisor
inline constexpr int handshake_fd = 4;  ///< write end of a pipe: one byte as soon as `status` says running or ended

inline constexpr size_t offset_digits = 20;

/// Bytes from `offset` on (up to the next entry's) were written at `unix_ms`. Host byte order: the folder never leaves its machine.
struct IndexEntry {
  uint64_t offset;
  int64_t unix_ms;
};
static_assert(sizeof(IndexEntry) == 16);

/// "log." and 20 digits into `name`, which holds at least 25 bytes.
inline void segment_name(char* name, const char* prefix, uint64_t offset) {
  for (size_t i = 0; i < 4; ++i) name[i] = prefix[i];
  for (size_t i = 0; i < offset_digits; ++i, offset /= 10) name[3 + offset_digits - i] = static_cast<char>('0' + offset % 10);
  name[4 + offset_digits] = '\0';
}

/// False when `name` is no segment's.
inline bool segment_offset(const char* name, uint64_t& offset) {
  for (size_t i = 0; i < 4; ++i) {
    if (name[i] != segment_prefix[i]) return false;
  }
  offset = 0;
  for (size_t i = 4; i < 4 + offset_digits; ++i) {
    if (name[i] < '0' || name[i] > '9') return false;
    offset = offset * 10 + static_cast<uint64_t>(name[i] - '0');
  }
  return name[4 + offset_digits] == '\0';
}

}  // namespace operon::run_folder
