#include "processes.hpp"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "buffer.hpp"
#include "files.hpp"

namespace operon::supervisor {

constexpr unsigned depth_max = 64;  ///< of the tree walked at once; what lies deeper is met when its ancestors are gone

/// The number that `text` begins with, blanks aside, or 0.
static pid_t pid_at(const char* text, const char** end = nullptr) {
  char* behind = nullptr;
  errno = 0;
  const long number = strtol(text, &behind, 10);
  if (end != nullptr) *end = behind;
  return errno == 0 && number > 0 && number <= INT_MAX ? static_cast<pid_t>(number) : 0;
}

/// Of a folder in /proc; 0 when the folder is no process.
static pid_t pid_named(const char* name) {
  const char* end = name;
  const pid_t pid = pid_at(name, &end);
  return *end == '\0' ? pid : 0;
}

/// Parent of `pid`, or 0.
static pid_t parent_of(pid_t pid) {
  char path[32];
  char text[512];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  const ssize_t got = read(fd, text, sizeof text - 1);
  close(fd);
  if (got <= 0) return 0;
  text[got] = '\0';
  const char* const behind_name = strrchr(text, ')');  // the name may hold anything, also ") 1 "
  if (behind_name == nullptr || strlen(behind_name) < 4) return 0;
  return pid_at(behind_name + 3);  // behind ") S"
}

/// Calls `f(child)` for every child of `parent`: by the kernel's list, or where it keeps none by a walk over all processes.
template <class F>
static void each_child(pid_t parent, F&& f) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/task", parent);
  DIR* const tasks = opendir(path);
  if (tasks == nullptr) return;
  bool listed = false;
  while (const dirent* entry = readdir(tasks)) {
    if (!isdigit(static_cast<unsigned char>(entry->d_name[0]))) continue;
    Buffer list;
    snprintf(path, sizeof path, "/proc/%d/task/%.16s/children", parent, entry->d_name);
    if (!read_file(path, list)) continue;
    listed = true;
    list.append("\0", 1);
    char* at = list.data();
    while (const pid_t child = static_cast<pid_t>(strtol(at, &at, 10))) f(child);
  }
  closedir(tasks);
  if (listed) return;
  DIR* const all = opendir("/proc");
  if (all == nullptr) return;
  while (const dirent* entry = readdir(all)) {
    const pid_t pid = pid_named(entry->d_name);
    if (pid > 0 && parent_of(pid) == parent) f(pid);
  }
  closedir(all);
}

/// A process that ends while we look frees its number: the descriptor is taken first, then it is asked who this is.
static bool signal_child(pid_t pid, pid_t parent, int signal) {
  const int fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0) return parent_of(pid) == parent && kill(pid, signal) == 0;
  const bool sent = parent_of(pid) == parent && syscall(SYS_pidfd_send_signal, fd, signal, nullptr, 0) == 0;
  close(fd);
  return sent;
}

static unsigned signal_below(pid_t parent, int signal, unsigned depth) {
  unsigned count = 0;
  each_child(parent, [&](pid_t child) {
    if (depth < depth_max) count += signal_below(child, signal, depth + 1);  // first, while it still leads to them
    if (signal_child(child, parent, signal)) ++count;
  });
  return count;
}

unsigned signal_descendants(int signal) {
  return signal_below(getpid(), signal, 0);
}

static bool has_token(pid_t pid, const char* token) {
  char path[32];
  snprintf(path, sizeof path, "/proc/%d/environ", pid);
  Buffer environment;
  if (!read_file(path, environment)) return false;
  const size_t size = strlen(token);
  std::string_view rest = environment.view();
  while (!rest.empty()) {
    const auto end = rest.find('\0');
    const auto entry = rest.substr(0, end);
    if (entry.size() == size && memcmp(entry.data(), token, size) == 0) return true;
    if (end == rest.npos) return false;
    rest.remove_prefix(end + 1);
  }
  return false;
}

unsigned signal_by_token(const char* token, int signal) {
  unsigned count = 0;
  DIR* const all = opendir("/proc");
  if (all == nullptr) return 0;
  while (const dirent* entry = readdir(all)) {
    const pid_t pid = pid_named(entry->d_name);
    if (pid <= 1 || pid == getpid()) continue;
    const int fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
    if (fd < 0) continue;
    if (has_token(pid, token) && syscall(SYS_pidfd_send_signal, fd, signal, nullptr, 0) == 0) ++count;
    close(fd);
  }
  closedir(all);
  return count;
}

}  // namespace operon::supervisor
