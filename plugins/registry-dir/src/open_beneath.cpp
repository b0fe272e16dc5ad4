#include "open_beneath.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "operon/error.hpp"

namespace registry_dir {
namespace {

using operon::Code;
using operon::Error;
using operon::Fd;

constexpr int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;  // NONBLOCK: a FIFO must not keep us waiting for its writer

/// The kernel resolves the link and refuses what leaves the folder, so that nothing can be exchanged in between.
int open_link(int folder, const std::string& name) {
  open_how how{};
  how.flags = flags;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  return static_cast<int>(::syscall(SYS_openat2, folder, name.c_str(), &how, sizeof how));
}

[[noreturn]] void fail(int error) {
  if (error == EXDEV || error == ELOOP) throw Error(Code::permission_denied, "a symbolic link that leads out of the folder");
  if (error == ENOSYS) throw Error(Code::permission_denied, "a symbolic link, which this kernel cannot follow safely");
  if (error == ENOENT) throw Error(Code::not_found, "no such file");
  throw Error(error == EACCES || error == EPERM ? Code::permission_denied : Code::unavailable, std::strerror(error));
}

}  // namespace

Fd open_folder(const std::string& path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    throw Error(Code::unavailable,
                "the scenario folder " + path + " cannot be opened: " + std::strerror(errno) + "; set `path` to a readable folder");
  return Fd(fd);
}

Fd open_beneath(int folder, const std::string& name, struct stat& info) {
  int fd = ::openat(folder, name.c_str(), flags | O_NOFOLLOW);
  if (fd < 0 && errno == ELOOP) fd = open_link(folder, name);
  if (fd < 0) fail(errno);
  Fd opened(fd);
  if (::fstat(fd, &info) != 0) fail(errno);
  if (!S_ISREG(info.st_mode)) throw Error(Code::permission_denied, "not a regular file");
  return opened;
}

std::string read_whole(int fd, size_t bytes_max) {
  std::string content;
  char buffer[16'384];
  for (;;) {
    ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(errno);
    if (n == 0) return content;
    content.append(buffer, static_cast<size_t>(n));
    if (content.size() > bytes_max) throw Error(Code::out_of_range, "larger than " + std::to_string(bytes_max) + " bytes");
  }
}

}  // namespace registry_dir
