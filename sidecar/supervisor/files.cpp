#include "files.hpp"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

namespace operon::supervisor {

bool read_file(const char* path, Buffer& into) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  into.set_size(0);
  for (;;) {
    into.reserve(into.size() + 4096);
    const ssize_t got = read(fd, into.data() + into.size(), into.capacity() - into.size());
    if (got > 0) {
      into.set_size(into.size() + static_cast<size_t>(got));
    } else if (got == 0 || errno != EINTR) {
      const int error = errno;
      close(fd);
      errno = error;
      return got == 0;
    }
  }
}

bool write_all(int fd, const char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t written = write(fd, bytes, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes += written;
    size -= static_cast<size_t>(written);
  }
  return true;
}

void unlink_inside(char* path) {
  int folder = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  for (char* slash; folder >= 0 && (slash = strchr(path, '/')) != nullptr; path = slash + 1) {
    *slash = '\0';
    const int next = openat(folder, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    *slash = '/';
    close(folder);
    folder = next;
  }
  if (folder < 0) return;
  unlinkat(folder, path, 0);
  close(folder);
}

static int64_t clock_ms(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
}

int64_t unix_ms() {
  return clock_ms(CLOCK_REALTIME);
}

int64_t steady_ms() {
  return clock_ms(CLOCK_BOOTTIME);
}

}  // namespace operon::supervisor
