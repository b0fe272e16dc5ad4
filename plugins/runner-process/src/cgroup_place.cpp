#include "cgroup_place.hpp"

#include <fcntl.h>

#include <sstream>
#include <vector>

#include "files.hpp"
#include "operon/fd.hpp"

namespace operon::runner_process {

/// Octal escapes of mountinfo: \040 is a blank.
static std::string unescape(const std::string& text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      result.push_back(static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0')));
      i += 3;
    } else {
      result.push_back(text[i]);
    }
  }
  return result;
}

std::string cgroup_folder(const std::string& mountinfo, const std::string& path) {
  std::istringstream lines(mountinfo);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::vector<std::string> fields;
    for (std::string word; words >> word;) fields.push_back(word);
    size_t dash = 6;
    while (dash < fields.size() && fields[dash] != "-") ++dash;
    if (dash + 1 >= fields.size() || fields[dash + 1] != "cgroup2") continue;
    const auto root = unescape(fields[3]), point = unescape(fields[4]);
    if (root == "/") return path == "/" ? point : point + path;
    if (path == root) return point;
    if (path.starts_with(root + "/")) return point + path.substr(root.size());
  }
  return "";
}

static std::string own_path() {
  std::istringstream lines(read_file_if_there("/proc/self/cgroup").value_or(""));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("0::")) return line.substr(3);
  }
  return "";
}

static bool has_word(const std::string& text, const std::string& wanted) {
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (word == wanted) return true;
  }
  return false;
}

CgroupPlace find_cgroup_place(const std::string& setting, bool want_controllers) {
  CgroupPlace place;
  if (setting == "off") return place;
  place.folder = setting;
  if (setting == "auto") {
    const auto path = own_path();
    if (!path.empty()) place.folder = cgroup_folder(read_file_if_there("/proc/self/mountinfo").value_or(""), path);
    if (path.empty()) place.folder.clear();
  }
  if (place.folder.empty() || ::access((place.folder + "/cgroup.procs").c_str(), W_OK) != 0) return {};
  const auto control = place.folder + "/cgroup.subtree_control";
  for (const char* const controller : {"+memory", "+cpu", "+pids"}) {
    const Fd file(want_controllers ? ::open(control.c_str(), O_WRONLY | O_CLOEXEC) : -1);
    // Refused where the folder holds processes of its own or was not delegated: what is there afterwards counts.
    if (file && ::write(file.get(), controller, std::string_view(controller).size()) < 0) continue;
  }
  const auto enabled = read_file_if_there(control).value_or("");
  place.memory = has_word(enabled, "memory");
  place.cpu = has_word(enabled, "cpu");
  place.pids = has_word(enabled, "pids");
  return place;
}

}  // namespace operon::runner_process
