/// Who can have written a file, before it is believed.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "core/plugin/loader.hpp"
#include "operon/error.hpp"

namespace operon::plugin {
namespace {

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& why) {
  throw Error(Code::permission_denied, file.string() + ": " + why);
}

bool ours(const struct stat& s) {
  return s.st_uid == 0 || s.st_uid == ::geteuid();
}

/// The folder that holds the file, strictly; those above it, as far as they let others replace it.
void check_folders(const std::filesystem::path& file) {
  std::filesystem::path folder = file.parent_path();
  struct stat s {};
  for (bool nearest = true;; nearest = false) {
    if (::stat(folder.c_str(), &s) != 0) refuse(file, "folder " + folder.string() + ": " + std::strerror(errno));
    if (nearest && !ours(s))
      refuse(file,
             "folder " + folder.string() + " belongs to user " + std::to_string(s.st_uid) + "; it must belong to root or to this user");
    bool others_write = (s.st_mode & S_IWOTH) != 0;
    if (others_write && (nearest || (s.st_mode & S_ISVTX) == 0))
      refuse(file, "folder " + folder.string() + " is world-writable; chmod o-w it");
    if (folder == folder.parent_path()) return;
    folder = folder.parent_path();
  }
}

}  // namespace

base::Fd open_trusted(const std::filesystem::path& file) {
  // O_NONBLOCK: a pipe of that name must not stop the host.
  base::Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) {
    int why = errno;
    if (why == ELOOP) refuse(file, "is a symbolic link; name the file itself");
    throw Error(why == ENOENT ? Code::not_found : Code::permission_denied, file.string() + ": " + std::strerror(why));
  }
  struct stat s {};
  if (::fstat(fd.get(), &s) != 0) refuse(file, std::strerror(errno));
  if (!S_ISREG(s.st_mode)) refuse(file, "is not a regular file");
  if (!ours(s)) refuse(file, "belongs to user " + std::to_string(s.st_uid) + "; it must belong to root or to this user");
  if ((s.st_mode & S_IWOTH) != 0) refuse(file, "is world-writable; chmod o-w it");
  check_folders(file);
  return fd;
}

}  // namespace operon::plugin
