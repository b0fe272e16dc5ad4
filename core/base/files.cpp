#include "core/base/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/base/ids.hpp"
#include "core/base/text.hpp"
#include "operon/error.hpp"

namespace operon::base {
namespace {

std::string reason(int error) {
  return std::strerror(error);  // glibc's is thread-safe for known numbers
}

[[noreturn]] void fail_write(const std::filesystem::path& path, const char* what, int error) {
  throw Error(Code::unavailable, std::string("cannot ") + what + " " + printable(path.string()) + ": " + reason(error));
}

Code code_of(int error) {
  if (error == ENOENT || error == ENOTDIR) return Code::not_found;
  if (error == EACCES || error == EPERM || error == ELOOP) return Code::permission_denied;
  return Code::unavailable;
}

void write_all(int fd, std::string_view content, const std::filesystem::path& path) {
  while (!content.empty()) {
    ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_write(path, "write", errno);
    content.remove_prefix(static_cast<size_t>(n));
  }
}

void sync_folder(const std::filesystem::path& folder) {
  Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) fail_write(folder, "open folder", errno);
  if (::fsync(fd.get()) != 0 && errno != EINVAL) fail_write(folder, "sync folder", errno);  // EINVAL: a file system without it
}

/// Removes the temporary file unless the rename happened.
struct Temporary {
  std::filesystem::path path;
  bool keep = false;
  ~Temporary() {
    if (!keep) ::unlink(path.c_str());
  }
};

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = other.release();
  }
  return *this;
}

void Fd::reset() noexcept {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

std::string read_file(const std::filesystem::path& path, size_t bytes_max) {
  const std::string shown = printable(path.string());
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) {
    int error = errno;
    throw Error(code_of(error), "cannot read " + shown + ": " + reason(error));
  }
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) throw Error(Code::unavailable, "cannot read " + shown + ": " + reason(errno));
  if (!S_ISREG(info.st_mode)) throw Error(Code::permission_denied, "cannot read " + shown + ": not a regular file");
  auto too_big = [&] { return Error(Code::out_of_range, "cannot read " + shown + ": larger than " + bytes_text(bytes_max)); };
  if (static_cast<uint64_t>(info.st_size) > bytes_max) throw too_big();
  std::string content;
  content.resize(static_cast<size_t>(info.st_size) + 1);  // one more shows a file that grew
  size_t size = 0;
  for (;;) {
    ssize_t n = ::read(fd.get(), content.data() + size, content.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Error(Code::unavailable, "cannot read " + shown + ": " + reason(errno));
    if (n == 0) break;
    size += static_cast<size_t>(n);
    if (size > bytes_max) throw too_big();
    if (size == content.size()) content.resize(content.size() * 2);
  }
  content.resize(size);
  return content;
}

void write_file_atomic(const std::filesystem::path& path, std::string_view content, mode_t mode) {
  std::filesystem::path folder = path.parent_path().empty() ? "." : path.parent_path();
  Temporary temporary{folder / ("." + path.filename().string() + "." + random_hex(6) + ".tmp")};
  Fd fd(::open(temporary.path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) {
    int error = errno;
    temporary.keep = true;
    fail_write(temporary.path, "create", error);
  }
  if (::fchmod(fd.get(), mode) != 0) fail_write(temporary.path, "set the mode of", errno);
  write_all(fd.get(), content, temporary.path);
  if (::fsync(fd.get()) != 0) fail_write(temporary.path, "sync", errno);
  fd.reset();
  if (::rename(temporary.path.c_str(), path.c_str()) != 0) fail_write(path, "replace", errno);
  temporary.keep = true;
  sync_folder(folder);
}

void make_dirs(const std::filesystem::path& path, mode_t mode) {
  std::filesystem::path so_far;
  for (const auto& part : path) {
    so_far /= part;
    if (so_far.empty() || ::mkdir(so_far.c_str(), mode) == 0) continue;
    int error = errno;
    struct stat info {};
    if (::stat(so_far.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) continue;
    fail_write(so_far, "make folder", error == EEXIST ? ENOTDIR : error);
  }
}

}  // namespace operon::base
