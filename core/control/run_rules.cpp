#include "core/control/run_rules.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "core/base/text.hpp"
#include "operon/error.hpp"

namespace operon::control {

namespace {

[[noreturn]] void refuse(const std::string& field, const std::string& why) {
  throw Error(Code::failed_precondition, field + " " + why).with_field(field);
}

bool is_alpha(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

/// Places that are the kernel's or the cluster's; a file there would replace them.
constexpr std::array<std::string_view, 5> forbidden_places = {"/proc", "/sys", "/dev", "/var/run/secrets/kubernetes.io",
                                                              "/run/secrets/kubernetes.io"};

bool is_at_or_below(std::string_view path, std::string_view place) {
  return path.starts_with(place) && (path.size() == place.size() || path[place.size()] == '/');
}

/// "dir://NAME", or the characters that a container image reference is made of.
bool is_reference(std::string_view image) {
  if (const auto scheme = image.find("://"); scheme != std::string_view::npos) {
    const auto name = image.substr(scheme + 3);
    return scheme > 0 &&
           std::all_of(image.begin(), image.begin() + static_cast<long>(scheme),
                       [](char c) { return is_alpha(c) || is_digit(c) || c == '-' || c == '+'; }) &&
           !name.empty() && name.front() != '-' && name.front() != '.' &&
           std::all_of(name.begin(), name.end(), [](char c) { return is_alpha(c) || is_digit(c) || c == '.' || c == '_' || c == '-'; });
  }
  return !image.empty() && (is_alpha(image.front()) || is_digit(image.front()) || image.front() == '[') &&
         std::all_of(image.begin(), image.end(),
                     [](char c) { return is_alpha(c) || is_digit(c) || std::string_view("._/:@-+[]").find(c) != std::string_view::npos; });
}

void check_name(const std::string& field, const std::string& value, const RunLimits& limits) {
  if (value.size() > limits.name_bytes_max)
    refuse(field, "is longer than name_bytes_max (" + std::to_string(limits.name_bytes_max) + " bytes)");
  if (std::any_of(value.begin(), value.end(), is_control)) refuse(field, "holds a control character");
}

void check_environment(const RunRequest& r, const RunLimits& limits) {
  if (r.environment.size() > limits.environment_max)
    refuse("environment",
           "holds " + std::to_string(r.environment.size()) + " entries; environment_max is " + std::to_string(limits.environment_max));
  size_t all = 0;
  for (const auto& [name, value] : r.environment) {
    if (!is_environment_name(name) || name.size() > limits.name_bytes_max)
      refuse("environment", "holds the name '" + base::printable(name) + "', which is no variable name ([A-Za-z_][A-Za-z0-9_.-]*)");
    const size_t room = limits.environment_entry_bytes_max - std::min(limits.environment_entry_bytes_max, name.size() + 2);  // '=' and NUL
    if (value.size() > room)
      refuse("environment." + name, "is " + std::to_string(value.size()) + " bytes; a value of this name may have " + std::to_string(room));
    if (value.find('\0') != std::string::npos) refuse("environment." + name, "holds a NUL byte, which no process can be given");
    all += name.size() + value.size() + 2;
  }
  if (all > limits.environment_bytes_max)
    refuse("environment",
           "is " + std::to_string(all) + " bytes in all; environment_bytes_max is " + std::to_string(limits.environment_bytes_max));
}

void check_files(const RunRequest& r, const RunLimits& limits) {
  std::set<std::string> places{r.kubeconfig_path};
  for (size_t i = 0; i < r.files.size(); ++i) {
    const auto& file = r.files[i];
    const std::string where = "files[" + std::to_string(i) + "]";
    check_name(where + ".name", file.name, limits);
    if (file.name == "." || file.name == ".." || file.name.find('/') != std::string::npos)
      refuse(where + ".name", "'" + base::printable(file.name) + "' is no file name");
    if (const auto trouble = path_trouble(file.mount_path, limits.path_bytes_max); !trouble.empty())
      refuse(where + ".mountPath", "'" + base::printable(file.mount_path) + "' " + trouble);
    if (!places.insert(file.mount_path).second)
      refuse(where + ".mountPath", "'" + base::printable(file.mount_path) + "' is taken by another file or by kubeconfigPath");
  }
}

constexpr size_t registry_name_bytes_max = 255;
constexpr size_t credential_bytes_max = 64u << 10;

void check_credential(const char* field, const std::string& value) {
  const auto wrong = [&](const std::string& why) { throw Error(Code::invalid_argument, std::string(field) + " " + why).with_field(field); };
  if (value.size() > credential_bytes_max) wrong("is longer than " + std::to_string(credential_bytes_max) + " bytes");
  if (std::any_of(value.begin(), value.end(), is_control)) wrong("holds a control character, as of a line's end");
}

}  // namespace

void check_own_registry(const kinds::scenario_registry::AdhocRegistry& registry) {
  const auto wrong = [](const char* field, const std::string& why) {
    throw Error(Code::invalid_argument, std::string(field) + " " + why).with_field(field);
  };
  const auto made_of = [](const std::string& text, std::string_view others) {
    return !text.empty() && text.size() <= registry_name_bytes_max && std::all_of(text.begin(), text.end(), [&](char c) {
      return is_alpha(c) || is_digit(c) || others.find(c) != std::string_view::npos;
    });
  };
  if (!made_of(registry.registry_url, ".-:[]"))
    wrong("registryUrl", "must be a host or host:port, as in registry.example.org:5000, without a scheme, path, user or password");
  const auto& path = registry.repository;
  if (!made_of(path, "._-/") || path.front() == '/' || path.back() == '/' || path.find("//") != std::string::npos ||
      path.find("..") != std::string::npos)
    wrong("scenarioRepository", "must be a path such as krkn-chaos/krkn-hub");
  check_credential("username", registry.username);
  if (registry.username.find(':') != std::string::npos) wrong("username", "must hold no ':', which ends it in HTTP's Basic scheme");
  check_credential("password", registry.password);
  check_credential("token", registry.token);
}

bool is_environment_name(std::string_view name) {
  return !name.empty() && (is_alpha(name.front()) || name.front() == '_') &&
         std::all_of(name.begin(), name.end(), [](char c) { return is_alpha(c) || is_digit(c) || c == '_' || c == '.' || c == '-'; });
}

std::string path_trouble(std::string_view path, size_t bytes_max) {
  if (path.size() > bytes_max) return "is longer than path_bytes_max (" + std::to_string(bytes_max) + " bytes)";
  if (path.empty() || path.front() != '/') return "is not absolute";
  if (path.back() == '/') return "names a folder, not a file";
  if (std::any_of(path.begin(), path.end(), is_control)) return "holds a control character";
  for (size_t begin = 1; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const auto part = path.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") return "must have no empty, '.' or '..' part";
    begin = end + 1;
  }
  for (const auto place : forbidden_places)
    if (is_at_or_below(path, place)) return "is under " + std::string(place) + ", where no file may be put";
  return {};
}

void check_rules(const RunRequest& r, const RunLimits& limits) {
  check_name("targetId", r.target_id, limits);
  check_name("clusterName", r.cluster_name, limits);
  check_name("scenarioName", r.scenario_name, limits);
  check_name("scenarioImage", r.scenario_image, limits);
  if (!is_reference(r.scenario_image))
    refuse("scenarioImage", "'" + base::printable(r.scenario_image) + "' is neither dir://NAME nor a container image reference");
  check_name("provider", r.provider, limits);
  check_name("registry", r.registry, limits);
  check_name("runner", r.runner, limits);
  check_name("scenarioDigest", r.scenario_digest, limits);
  if (const auto trouble = path_trouble(r.kubeconfig_path, limits.path_bytes_max); !trouble.empty())
    refuse("kubeconfigPath", "'" + base::printable(r.kubeconfig_path) + "' " + trouble);
  check_environment(r, limits);
  check_files(r, limits);
}

}  // namespace operon::control
