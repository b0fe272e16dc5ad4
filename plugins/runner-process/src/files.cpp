#include "files.hpp"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <utility>

#include "operon/error.hpp"

namespace operon::runner_process {

namespace fs = std::filesystem;

void throw_errno(const std::string& what, const fs::path& path) {
  const int error = errno;
  const bool disk = error == ENOSPC || error == EDQUOT || error == EROFS || error == EIO;
  const bool descriptors = error == EMFILE || error == ENFILE;
  throw Error(disk          ? Code::unavailable
              : descriptors ? Code::resource_exhausted
                            : Code::internal,
              "cannot " + what + " " + path.string() + ": " + strerror(error));
}

std::optional<std::string> read_file_if_there(const fs::path& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    throw_errno("open", path);
  }
  std::string content;
  char bytes[4096];
  for (;;) {
    const ssize_t got = ::read(file.get(), bytes, sizeof bytes);
    if (got > 0) content.append(bytes, static_cast<size_t>(got));
    if (got == 0) return content;
    if (got < 0 && errno != EINTR) throw_errno("read", path);
  }
}

static void write_all(const Fd& file, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file.get(), bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) throw_errno("write", path);
    if (written > 0) bytes.remove_prefix(static_cast<size_t>(written));
  }
}

void write_new_file(const fs::path& path, const std::function<std::string_view()>& source) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) throw_errno("make", path);
  for (auto bytes = source(); !bytes.empty(); bytes = source()) write_all(file, bytes, path);
}

void write_new_file(const fs::path& path, std::string_view content) {
  bool given = false;
  write_new_file(path, [&] { return std::exchange(given, true) ? std::string_view{} : content; });
}

void replace_file(const fs::path& path, std::string_view content) {
  static std::atomic<unsigned> counter{0};
  const fs::path next = path.string() + "." + std::to_string(::getpid()) + "." + std::to_string(++counter);
  write_new_file(next, content);
  if (::rename(next.c_str(), path.c_str()) != 0) {
    const int error = errno;
    ::unlink(next.c_str());
    errno = error;
    throw_errno("replace", path);
  }
}

void make_durable(const fs::path& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file || ::fsync(file.get()) != 0) throw_errno("store", path);
}

void make_folders(const fs::path& path) {
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return;
  if (errno != ENOENT || !path.has_parent_path() || path.parent_path() == path) throw_errno("make the folder", path);
  make_folders(path.parent_path());
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) throw_errno("make the folder", path);
}

void remove_folder(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (!error) return;
  for (auto it = fs::recursive_directory_iterator(path, fs::directory_options::skip_permission_denied, error);
       !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    std::error_code ignored;
    if (!it->is_symlink(ignored) && it->is_directory(ignored))
      fs::permissions(it->path(), fs::perms::owner_all, fs::perm_options::add, ignored);
  }
  fs::remove_all(path, error);
  if (error) throw Error(Code::internal, "cannot remove the run folder " + path.string() + ": " + error.message());
}

}  // namespace operon::runner_process
