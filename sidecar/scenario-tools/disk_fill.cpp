#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "commands.hpp"
#include "options.hpp"
#include "say.hpp"

namespace scenario {
namespace {

constexpr off_t mib = 1 << 20;

/// A file without a name: whatever ends this program, also kill -9, gives its space back.
int open_nameless(const std::string& folder) {
  int fd = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR)) return fd;
  std::string name = folder + "/.operon-disk-fill-XXXXXX";  // file systems without O_TMPFILE
  fd = ::mkostemp(name.data(), O_CLOEXEC);
  if (fd >= 0) ::unlink(name.c_str());
  return fd;
}

/// True when it was taken; false when a signal came. Throws UsageError with the system's reason.
bool take(int fd, off_t bytes) {
  static const std::string zeros(static_cast<size_t>(mib), '\0');
  bool can_allocate = true;
  for (off_t at = 0; at < bytes; at += mib) {
    if (at % (256 * mib) == 0 && at > 0) say("Taken " + std::to_string(at / mib) + " MiB");
    int failed = 0;
    if (can_allocate && ::fallocate(fd, 0, at, std::min(mib, bytes - at)) != 0) {
      failed = errno;
      if (failed == EOPNOTSUPP) can_allocate = false;
    }
    if (!can_allocate) failed = ::pwrite(fd, zeros.data(), static_cast<size_t>(std::min(mib, bytes - at)), at) < 0 ? errno : 0;
    if (failed != 0 && failed != EINTR) throw UsageError("after " + std::to_string(at / mib) + " MiB: " + std::strerror(failed));
    if (!wait(0)) return false;
  }
  return true;
}

}  // namespace

int disk_fill(const Arguments& arguments) {
  const Options options(arguments, {"directory", "size-mib", "keep-free-mib", "duration"});
  const std::string folder = options.text("directory", ".");
  const long size_mib = options.number("size-mib", 1, 16L << 20);
  const long keep_free_mib = options.number("keep-free-mib", 0, 16L << 20);
  const long duration = options.milliseconds("duration", 86'400);
  struct statvfs space {};
  if (::statvfs(folder.c_str(), &space) != 0) throw UsageError(folder + ": " + std::strerror(errno));
  const auto free_mib = static_cast<long>(space.f_bavail * space.f_frsize / static_cast<unsigned long>(mib));
  if (free_mib - size_mib < keep_free_mib) {
    throw UsageError(folder + " has " + std::to_string(free_mib) + " MiB free: " + std::to_string(size_mib) +
                     " MiB would leave less than the " + std::to_string(keep_free_mib) + " MiB to keep");
  }
  notice_signals();
  const int fd = open_nameless(folder);
  if (fd < 0) throw UsageError("cannot make a file in " + folder + ": " + std::strerror(errno));
  say("Taking " + std::to_string(size_mib) + " MiB in " + folder + " (" + std::to_string(free_mib) + " MiB free)");
  bool whole = take(fd, size_mib * mib);
  if (whole) say("Taken; holding for " + std::to_string(duration / 1000) + " seconds");
  whole = whole && wait(duration);
  ::close(fd);
  say(whole ? "Given back" : "Stopped before the end; given back");
  return whole ? 0 : 143;
}

}  // namespace scenario
