#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <string>

#include "core/app/operonctl/commands.hpp"
#include "core/base/files.hpp"
#include "operon/error.hpp"

namespace operon::ctl {
namespace {

namespace fs = std::filesystem;
constexpr size_t template_bytes_max = 256u << 10;
constexpr std::array kinds = {"job-runner", "target-provider", "scenario-registry"};

/// What CMake needs to find this operon: nothing where it looks by itself.
std::string prefix_argument() {
  const fs::path prefix = fs::read_symlink("/proc/self/exe").parent_path().parent_path();
  if (!fs::is_directory(prefix / "share/operon/template")) return " -DCMAKE_PREFIX_PATH=<where operon is installed>";
  return prefix == "/usr" || prefix == "/usr/local" ? "" : " -DCMAKE_PREFIX_PATH=" + prefix.string();
}

/// Installed: <prefix>/share/operon/template; in a build tree: plugins/template of the source tree two folders up.
fs::path template_folder() {
  const fs::path program = fs::read_symlink("/proc/self/exe").parent_path();
  for (const fs::path& candidate : {program / "../share/operon/template", program / "../../plugins/template"}) {
    if (fs::is_directory(candidate)) return fs::canonical(candidate);
  }
  throw Error{Code::not_found,
              "no plugin template beside " + program.string() + " (expected ../share/operon/template); is operon installed whole?"};
}

bool is_plugin_name(const std::string& name) {
  if (name.empty() || name.size() > 63 || name.front() < 'a' || name.front() > 'z' || name.back() == '-') return false;
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
}

/// "my-runner" -> "MyRunner"
std::string class_name(const std::string& name) {
  std::string out;
  bool upper = true;
  for (const char c : name) {
    if (c == '-') {
      upper = true;
      continue;
    }
    out += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    upper = false;
  }
  return out;
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size()) text.replace(at, what.size(), by);
  return text;
}

std::string filled(const std::string& text, const std::string& name) {
  return replaced(replaced(replaced(text, "@NAME@", name), "@CLASS@", class_name(name)), "@VERSION@", OPERON_VERSION);
}

/// Two folders may share files: what every kind has stands in `common`, what one kind has in its own.
void copy_tree(const fs::path& from, const fs::path& to, const std::string& name) {
  if (!fs::is_directory(from)) return;
  for (const auto& entry : fs::recursive_directory_iterator(from)) {
    const fs::path target = to / filled(fs::relative(entry.path(), from).string(), name);
    if (entry.is_directory()) {
      base::make_dirs(target, 0755);
    } else {
      base::make_dirs(target.parent_path(), 0755);
      base::write_file_atomic(target, filled(base::read_file(entry.path(), template_bytes_max), name), 0644);
    }
  }
}

}  // namespace

int plugin_new(const std::string& dir, const std::string& kind, const std::string& given_name) {
  if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end())
    throw Error{Code::invalid_argument, "--kind '" + kind + "' is unknown; known are job-runner, target-provider, scenario-registry"};
  const fs::path folder = fs::absolute(dir).lexically_normal();
  const fs::path leaf = folder.filename().empty() ? folder.parent_path().filename() : folder.filename();
  const std::string name = given_name.empty() ? leaf.string() : given_name;
  if (!is_plugin_name(name))
    throw Error{Code::invalid_argument,
                "'" + name + "' is no plugin name: lower-case letters, digits and '-', beginning with a letter; --name gives another"};
  if (fs::exists(folder) && !fs::is_empty(folder))
    throw Error{Code::already_exists, folder.string() + " is there and not empty; nothing was written"};
  const fs::path templates = template_folder();
  base::make_dirs(folder, 0755);
  copy_tree(templates / "common", folder, name);
  copy_tree(templates / kind, folder, name);
  std::printf(
      "%s: a %s plugin '%s'. Next:\n"
      "  cmake -S %s -B %s/build%s && cmake --build %s/build && ctest --test-dir %s/build\n"
      "Its README.md says where to go on.\n",
      dir.c_str(), kind.c_str(), name.c_str(), dir.c_str(), dir.c_str(), prefix_argument().c_str(), dir.c_str(), dir.c_str());
  return exit_ok;
}

}  // namespace operon::ctl
