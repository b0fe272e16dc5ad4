/// core/base/files.hpp: files written whole or not at all.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>

namespace operon::base {

/// Reads a regular file of at most `bytes_max`. Throws Error (not_found, permission_denied, out_of_range, unavailable) naming the path.
std::string read_file(const std::filesystem::path&, size_t bytes_max);
/// Writes a temporary beside it, syncs, renames, syncs the folder. Throws Error(unavailable) naming the path and the system's reason.
void write_file_atomic(const std::filesystem::path&, std::string_view content, mode_t mode = 0600);
/// Makes the folder and its parents with `mode`; throws Error.
void make_dirs(const std::filesystem::path&, mode_t mode = 0700);

/// A descriptor that closes itself.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd() { reset(); }
  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  int release() noexcept {
    int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void reset() noexcept;

 private:
  int fd_ = -1;
};

}  // namespace operon::base
