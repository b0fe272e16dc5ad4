/// core/jobs/log_source.hpp: bytes of a log at an offset, wherever they are kept.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/base/files.hpp"

namespace operon::jobs {

/// Thread-safe.
class LogSource {
 public:
  virtual ~LogSource() = default;
  /// Bytes from `offset`, at most `size`; fewer only at the end. Throws Error(unavailable | data_loss).
  virtual size_t read_at(uint64_t offset, char* into, size_t size) const = 0;
  /// Bytes that are there now.
  virtual uint64_t size() const = 0;
};

/// A plain file.
class FileSource final : public LogSource {
 public:
  FileSource(std::shared_ptr<base::Fd> fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  size_t read_at(uint64_t offset, char* into, size_t size) const override;
  uint64_t size() const override;

 private:
  std::shared_ptr<base::Fd> fd_;
  std::string path_;
};

/// Where the last `lines` lines of the first `end` bytes begin, found from the back in blocks. A last line without its newline counts.
uint64_t tail_start(const LogSource&, uint64_t end, uint64_t lines);

}  // namespace operon::jobs
