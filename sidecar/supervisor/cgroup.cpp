#include "cgroup.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.hpp"

namespace operon::supervisor {

bool Cgroup::adopt(const char* path) {
  const size_t size = strlen(path);
  if (size == 0 || size >= sizeof path_ || access(path, F_OK) != 0) return false;
  memcpy(path_, path, size + 1);
  return true;
}

bool Cgroup::make(const char* path, const Strings& settings) {
  if (mkdir(path, 0755) != 0 || !adopt(path)) return false;
  if (access(path_, W_OK) != 0) {
    remove();
    return false;
  }
  for (size_t i = 0; i < settings.size(); ++i) {
    char file[64];
    const char* const space = strchr(settings[i], ' ');
    const size_t size = space == nullptr ? 0 : static_cast<size_t>(space - settings[i]);
    if (size == 0 || size >= sizeof file) continue;
    memcpy(file, settings[i], size);
    file[size] = '\0';
    write(file, space + 1);
  }
  return true;
}

bool Cgroup::write(const char* file, const char* value) const {
  char path[640];
  snprintf(path, sizeof path, "%s/%s", path_, file);
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool good = write_all(fd, value, strlen(value));
  close(fd);
  return good;
}

int Cgroup::open_folder() const {
  return exists() ? open(path_, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
}

bool Cgroup::enter() const {
  char path[640];
  static constexpr char file[] = "/cgroup.procs";
  const size_t size = strlen(path_);
  memcpy(path, path_, size);
  memcpy(path + size, file, sizeof file);
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool good = write_all(fd, "0", 1);
  close(fd);
  return good;
}

/// True when `file` has a line "name N" with N > 0.
bool Cgroup::event(const char* file, const char* name) const {
  char path[640];
  Buffer text;
  snprintf(path, sizeof path, "%s/%s", path_, file);
  if (!exists() || !read_file(path, text)) return false;
  text.append("\0", 1);
  const size_t size = strlen(name);
  for (const char* line = text.data(); *line != '\0';) {
    if (strncmp(line, name, size) == 0 && line[size] == ' ') return strtoull(line + size, nullptr, 10) > 0;
    const char* const next = strchr(line, '\n');
    if (next == nullptr) return false;
    line = next + 1;
  }
  return false;
}

bool Cgroup::out_of_memory() const {
  return event("memory.events", "oom_kill");
}

bool Cgroup::empty() const {
  return !exists() || !event("cgroup.events", "populated");
}

void Cgroup::kill() const {
  if (exists()) write("cgroup.kill", "1");
}

void Cgroup::remove() {
  if (!exists()) return;
  constexpr int attempts = 50;  // the kernel lets go of the last process a moment after it was reaped
  for (int i = 0; i < attempts && rmdir(path_) != 0; ++i) usleep(1000);
  path_[0] = '\0';
}

}  // namespace operon::supervisor
