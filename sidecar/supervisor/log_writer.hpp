/// log_writer.hpp: the run's output on disk: segments, their index of times, a cap, and honesty about what was lost.
#pragma once

#include <stdint.h>

#include <string_view>

namespace operon::supervisor {

/// Never holds the run up: what cannot be stored is counted, and the next segment's name says how much is missing.
class LogWriter {
 public:
  ~LogWriter() { close_segment(); }

  /// Goes on behind the segments that are there already. False (and errno) when the first segment cannot be made.
  bool begin(uint64_t segment_bytes, uint64_t log_bytes_max);
  void append(const char* bytes, size_t size);
  void append(std::string_view text) { append(text.data(), text.size()); }

  uint64_t end_offset() const { return end_; }
  uint64_t lost() const { return lost_; }

 private:
  bool open_segment();
  void close_segment();
  void note_time(int64_t now);
  void delete_oldest();

  int segment_ = -1, index_ = -1;
  uint64_t segment_bytes_ = 0, log_bytes_max_ = 0;
  uint64_t start_ = 0;  ///< of the open segment
  uint64_t end_ = 0;    ///< of all bytes, lost ones too
  uint64_t lost_ = 0;
  int64_t noted_ms_ = 0;  ///< when the newest index entry was written
  int64_t retry_ms_ = 0;  ///< steady; not before: after a failure
};

}  // namespace operon::supervisor
