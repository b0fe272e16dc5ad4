#include "mount_path.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "operon/error.hpp"

namespace operon::runner_process {

constexpr size_t path_bytes_max = 2048;  ///< so that the run folder fits in front of it
constexpr size_t name_bytes_max = 255;   ///< of one component

constexpr std::array<std::string_view, 4> forbidden = {"proc", "sys", "dev", "var/run/secrets/kubernetes.io/serviceaccount"};

[[noreturn]] static void refuse(const std::string& path, const std::string& where, const std::string& why) {
  throw Error(Code::failed_precondition, where + ": '" + path + "' " + why).with_field(where);
}

static bool at_or_below(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

std::string inside(const std::string& mount_path, const std::string& where) {
  if (mount_path.empty() || mount_path.front() != '/') refuse(mount_path, where, "is not an absolute path");
  if (mount_path.size() > path_bytes_max)
    refuse(mount_path.substr(0, 64) + "...", where, "is longer than " + std::to_string(path_bytes_max) + " bytes");
  if (mount_path.find('\0') != mount_path.npos) refuse("...", where, "holds a NUL byte");
  if (mount_path.back() == '/') refuse(mount_path, where, "names a folder, not a file");
  std::string clean;
  std::string_view rest = mount_path;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('/'), rest.size());
    const auto component = rest.substr(0, end);
    if (component == "..") refuse(mount_path, where, "leads through '..'");
    if (component.size() > name_bytes_max) refuse(mount_path.substr(0, 64) + "...", where, "has a component of more than 255 bytes");
    if (!component.empty() && component != ".") clean.append(clean.empty() ? "" : "/").append(component);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (clean.empty() || mount_path.ends_with("/.")) refuse(mount_path, where, "names a folder, not a file");
  // /run and /var/run are one folder on nearly every system.
  const std::string as_var_run = clean.starts_with("run/") ? "var/" + clean : clean;
  for (const auto folder : forbidden) {
    if (at_or_below(clean, folder) || at_or_below(as_var_run, folder))
      refuse(mount_path, where, "lies in /" + std::string(folder) + ", which belongs to the system");
  }
  return clean;
}

void check_distinct(std::vector<std::string> paths) {
  std::sort(paths.begin(), paths.end());
  for (size_t i = 0; i + 1 < paths.size(); ++i) {
    for (size_t k = i + 1; k < paths.size() && paths[k].starts_with(paths[i]); ++k) {
      if (!at_or_below(paths[k], paths[i])) continue;
      const bool same = paths[k] == paths[i];
      throw Error(Code::failed_precondition,
                  "mountPath '/" + paths[i] + "' " + (same ? "is used twice" : "is a file and, for '/" + paths[k] + "', a folder"))
          .with_field("files");
    }
  }
}

}  // namespace operon::runner_process
