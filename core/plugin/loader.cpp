#include "core/plugin/loader.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/dll/shared_library.hpp>
#include <cstring>
#include <map>
#include <mutex>

#include "core/base/ids.hpp"
#include "core/base/text.hpp"
#include "operon/error.hpp"

namespace operon::plugin {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const fs::path& file, const std::string& why) {
  throw Error(Code::failed_precondition, file.string() + ": " + why);
}

std::string read_all(const base::Fd& fd, const fs::path& file, size_t bytes_max) {
  struct stat s {};
  if (::fstat(fd.get(), &s) != 0) refuse(file, std::strerror(errno));
  if (static_cast<uint64_t>(s.st_size) > bytes_max) refuse(file, "is longer than " + base::bytes_text(bytes_max));
  std::string bytes(static_cast<size_t>(s.st_size), '\0');
  size_t at = 0;
  while (at < bytes.size()) {
    ssize_t n = ::pread(fd.get(), bytes.data() + at, bytes.size() - at, static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) refuse(file, std::strerror(errno));
    if (n == 0) refuse(file, "changes while it is read");
    at += static_cast<size_t>(n);
  }
  return bytes;
}

/// Absolute, with links resolved in the folders; the last step stays as it is, so that a link there is seen.
fs::path resolved(const fs::path& file) {
  std::error_code error;
  fs::path full = fs::absolute(file, error);
  fs::path folder = fs::canonical(full.parent_path(), error);
  if (error) throw Error(Code::not_found, file.string() + ": folder " + full.parent_path().string() + ": " + error.message());
  return folder / full.filename();
}

/// A library in this process, for ever. The descriptor stays open: its number is part of the name under which the dynamic linker knows the
/// library, and must never come to mean another file.
struct Loaded {
  std::unique_ptr<boost::dll::shared_library> library;
  base::Fd fd;
  std::string sha256;
  const operon_entry* entry = nullptr;
};

struct LoadedLibraries {
  std::mutex mutex;
  std::map<std::pair<dev_t, ino_t>, Loaded> all;
};

LoadedLibraries& loaded_libraries() {
  static auto* all = new LoadedLibraries;  // never unloaded, so never destroyed
  return *all;
}

/// What the dynamic linker says, with the file's own name.
std::string linker_text(std::string text, const std::string& alias, const fs::path& file) {
  for (size_t at = text.find(alias); at != std::string::npos; at = text.find(alias, at))
    text.replace(at, alias.size(), file.filename().string());
  return base::printable(text, 500);
}

const operon_entry* open_library(const Manifest& m, base::Fd& fd, Loaded& into) {
  std::string alias = "/proc/self/fd/" + std::to_string(fd.get());
  try {
    // The very bytes that were hashed: the name in the folder may mean another file by now.
    into.library = std::make_unique<boost::dll::shared_library>(boost::dll::fs::path(alias),
                                                                boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local);
  } catch (const std::exception& e) {
    refuse(m.library, "cannot be loaded: " + linker_text(e.what(), alias, m.library));
  }
  // From here on it is loaded for ever, also when it is refused.
  into.fd = std::move(fd);
  into.sha256 = m.library_sha256;
  if (!into.library->has(OPERON_ENTRY_SYMBOL))
    refuse(m.library, "does not export " + std::string(OPERON_ENTRY_SYMBOL) + "; it is no operon plugin of this major version");
  auto entry = reinterpret_cast<operon_entry_fn>(&into.library->get<const operon_entry*()>(OPERON_ENTRY_SYMBOL));
  try {
    into.entry = entry();
  } catch (...) {
    refuse(m.library, std::string(OPERON_ENTRY_SYMBOL) + "() threw");
  }
  return into.entry;
}

}  // namespace

Manifest read_manifest(const fs::path& file) {
  fs::path full = resolved(file);
  if (!full.string().ends_with(manifest_suffix)) full += manifest_suffix;
  base::Fd fd = open_trusted(full);
  return parse_manifest(read_all(fd, full, manifest_bytes_max), full);
}

Found find_plugin(const std::vector<fs::path>& folders, std::string_view plugin_id) {
  Found found;
  std::string searched;
  for (const fs::path& folder : folders) {
    searched += (searched.empty() ? "" : ", ") + folder.string();
    std::vector<fs::path> files;
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
      if (it->path().string().ends_with(manifest_suffix)) files.push_back(it->path());
    }
    if (error && error != std::errc::no_such_file_or_directory) found.unreadable.push_back(folder.string() + ": " + error.message());
    std::sort(files.begin(), files.end());
    for (const fs::path& file : files) {
      try {
        Manifest manifest = read_manifest(file);
        if (manifest.id != plugin_id) continue;
        if (found.manifest.id.empty()) {
          found.manifest = std::move(manifest);
        } else if (manifest.library != found.manifest.library) {
          found.also.push_back(manifest.library);
        }
      } catch (const Error& e) {
        found.unreadable.push_back(e.what());
      }
    }
  }
  if (!found.manifest.id.empty()) return found;
  std::string why = "plugin '" + base::printable(plugin_id, 64) + "': no library of that id in " +
                    (searched.empty() ? "any plugin folder (none is configured)" : searched);
  for (const std::string& other : found.unreadable) why += "; " + other;
  throw Error(Code::not_found, why);
}

base::Fd check_library(const Manifest& m) {
  fs::path file = resolved(m.library);
  base::Fd fd = open_trusted(file);
  std::string actual = base::sha256_hex(read_all(fd, file, library_bytes_max));
  if (actual != m.library_sha256) {
    throw Error(Code::data_loss, file.string() + ": its sha256 is " + actual.substr(0, 12) + "..., its manifest says " +
                                     m.library_sha256.substr(0, 12) + "...; the file was changed after it was built, install it again");
  }
  return fd;
}

const operon_entry* load_library(const Manifest& m) {
  if (m.abi_major != OPERON_ABI_MAJOR) {
    refuse(m.library, "its manifest asks for ABI major " + std::to_string(m.abi_major) + ", this host has " +
                          std::to_string(OPERON_ABI_MAJOR) + "; rebuild it against this host's headers");
  }
  if (m.abi_min_minor > OPERON_ABI_MINOR) {
    refuse(m.library, "its manifest asks for ABI " + std::to_string(m.abi_major) + "." + std::to_string(m.abi_min_minor) +
                          ", this host has " + std::to_string(OPERON_ABI_MAJOR) + "." + std::to_string(OPERON_ABI_MINOR) +
                          "; update the host");
  }
  check_schema(m);
  base::Fd fd = check_library(m);
  struct stat s {};
  if (::fstat(fd.get(), &s) != 0) refuse(m.library, std::strerror(errno));
  LoadedLibraries& libraries = loaded_libraries();
  std::lock_guard lock(libraries.mutex);
  auto [found, fresh] = libraries.all.try_emplace({s.st_dev, s.st_ino});
  Loaded& loaded = found->second;
  if (!fresh && loaded.library && loaded.sha256 != m.library_sha256) {
    refuse(m.library, "was rewritten in place after this host had loaded it; restart the host, and replace libraries by renaming");
  }
  const operon_entry* entry = loaded.library ? loaded.entry : open_library(m, fd, loaded);
  check_entry(entry, m);
  return entry;
}

}  // namespace operon::plugin
