#include "core/jobs/log_source.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "operon/error.hpp"

namespace operon::jobs {

size_t FileSource::read_at(uint64_t offset, char* into, size_t size) const {
  size_t done = 0;
  while (done < size) {
    const ssize_t n = ::pread(fd_->get(), into + done, size - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Error(Code::unavailable, "cannot read " + path_ + ": " + std::strerror(errno));
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  return done;
}

uint64_t FileSource::size() const {
  struct stat info {};
  return ::fstat(fd_->get(), &info) == 0 ? static_cast<uint64_t>(info.st_size) : 0;
}

uint64_t tail_start(const LogSource& source, uint64_t end, uint64_t lines) {
  if (lines == 0 || end == 0) return end;
  constexpr uint64_t block_bytes = 128u << 10;
  std::string block(block_bytes, '\0');
  uint64_t from = end;
  uint64_t found = 0;
  while (from > 0) {
    // Aligned, so that each block of an archive is unpacked once.
    const uint64_t begin = (from - 1) / block_bytes * block_bytes;
    const size_t got = source.read_at(begin, block.data(), static_cast<size_t>(from - begin));
    for (const char* at = block.data() + got; at != nullptr && at > block.data();) {
      at = static_cast<const char*>(::memrchr(block.data(), '\n', static_cast<size_t>(at - block.data())));
      if (at == nullptr) break;
      const uint64_t newline = begin + static_cast<uint64_t>(at - block.data());
      if (newline + 1 == end) continue;  // closes the last line
      if (++found == lines) return newline + 1;
    }
    from = begin;
  }
  return 0;
}

}  // namespace operon::jobs
