/// open_beneath.hpp: opens what a folder holds, and nothing outside of it.
#pragma once

#include <sys/stat.h>

#include <string>

namespace registry_dir {

/// A descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) noexcept : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor();
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

/// Opens a folder. Throws operon::Error naming the path.
Descriptor open_folder(const std::string& path);

/// Opens a regular file inside the folder, its state in `info`. A symbolic link is followed only when it stays inside the folder (as the
/// files of a mounted ConfigMap do). Throws operon::Error(not_found, permission_denied, unavailable) whose text is the reason alone.
Descriptor open_beneath(int folder, const std::string& name, struct stat& info);

/// Reads it all; throws operon::Error(out_of_range) past `bytes_max`.
std::string read_whole(int fd, size_t bytes_max);

}  // namespace registry_dir
