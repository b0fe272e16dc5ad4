/// log_reader.hpp: a run's log from any byte on, across segments and holes, while it is being written.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "operon/run_folder/layout.hpp"

namespace operon::runner_process {

/// Holds no descriptor between reads, so that thousands can wait. One thread at a time.
class LogReader {
 public:
  LogReader(std::filesystem::path folder, uint64_t offset) : folder_(std::move(folder)), offset_(offset) {}

  struct Piece {
    size_t size = 0;                 ///< bytes in the buffer; 0: nothing there now
    uint64_t offset = 0;             ///< of the first of them
    std::optional<int64_t> unix_ms;  ///< when all of them were written
  };
  /// Reads without moving on: the same bytes come again until advance(). A piece never spans two times. `look_for_segments`: a further
  /// segment may have been begun since the last read; costs a look at the folder when the present one has no more.
  Piece read(char* buffer, size_t size, bool look_for_segments = true);
  void advance(size_t size) { offset_ += size; }
  /// Where the next byte is looked for; past what was read when bytes are missing.
  uint64_t offset() const { return offset_; }

 private:
  std::vector<uint64_t> segments() const;
  bool choose_segment();
  bool next_segment();
  std::optional<size_t> read_segment(char* buffer, size_t size) const;
  void cut_by_time(Piece& piece);

  std::filesystem::path folder_;
  uint64_t offset_;
  std::optional<uint64_t> segment_;  ///< start of the one being read
  uint64_t entry_ = 0;               ///< number of the index entry that covers offset_
};

}  // namespace operon::runner_process
