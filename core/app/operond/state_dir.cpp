#include "core/app/operond/state_dir.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "operon/error.hpp"

namespace operon::app {
namespace {

std::string owner_of(int fd) {
  char text[32] = {};
  const auto got = pread(fd, text, sizeof text - 1, 0);
  std::string pid(text, got > 0 ? static_cast<size_t>(got) : 0);
  while (!pid.empty() && pid.back() == '\n') pid.pop_back();
  const bool number = !pid.empty() && pid.find_first_not_of("0123456789") == std::string::npos;
  return number ? " (process " + pid + ")" : "";
}

}  // namespace

StateDir::StateDir(std::filesystem::path path) : path_(std::move(path)) {
  try {
    base::make_dirs(path_, 0700);
  } catch (const Error& e) {
    throw Error(Code::unavailable, "state_dir: " + std::string(e.what()) + "; name another folder with --state-dir");
  }
  const auto file = path_ / "operond.lock";
  lock_ = base::Fd(open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock_) {
    throw Error(Code::unavailable, "state_dir: " + file.string() + ": " + std::strerror(errno) + "; name another folder with --state-dir");
  }
  if (flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) throw Error(Code::unavailable, "state_dir: " + file.string() + ": " + std::strerror(errno));
    throw Error(Code::failed_precondition, "state_dir: " + path_.string() + " is in use by another operond" + owner_of(lock_.get()) +
                                               "; stop that one, or give this one a folder of its own with --state-dir");
  }
  // The number is for the message above only; a disk without room for it must not keep the host down.
  const auto pid = std::to_string(getpid()) + "\n";
  if (ftruncate(lock_.get(), 0) == 0) {
    [[maybe_unused]] const auto written = pwrite(lock_.get(), pid.data(), pid.size(), 0);
  }
}

}  // namespace operon::app
