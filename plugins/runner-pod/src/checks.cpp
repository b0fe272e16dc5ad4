#include "checks.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

#include "operon/error.hpp"
#include "text.hpp"

namespace operon::runner_pod {

using kinds::job_runner::StartRequest;

namespace {

constexpr size_t job_id_bytes_max = 63;  // a label value
constexpr size_t path_bytes_max = 4096;
constexpr size_t name_shown_bytes_max = 80;

constexpr std::array<std::string_view, 5> forbidden = {"/proc", "/sys", "/dev", "/var/run/secrets/kubernetes.io",
                                                       "/run/secrets/kubernetes.io"};

[[noreturn]] void refuse(const std::string& field, const std::string& why) {
  throw Error(Code::failed_precondition, field + ": " + why).with_field(field);
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

std::string shown(std::string_view text) {
  std::string clean(text.substr(0, name_shown_bytes_max));
  std::replace_if(clean.begin(), clean.end(), is_control, '?');
  return "'" + clean + (text.size() > name_shown_bytes_max ? "...'" : "'");
}

bool at_or_below(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

void check_image(const std::string& image) {
  if (const auto scheme = image.find("://"); scheme != image.npos) {
    throw Error(Code::failed_precondition,
                "scenarioImage: " + shown(image) + " is no container image; runner-pod runs images. " +
                    (image.starts_with("dir://") ? "A scenario of a folder is run by an instance of runner-process: name it in `runner`"
                                                 : "Name one as in quay.io/krkn-chaos/krkn-hub:pod-scenarios"))
        .with_reason("NoContainerImage")
        .with_field("scenarioImage");
  }
  if (image.empty() || std::any_of(image.begin(), image.end(), [](char c) { return is_control(c) || c == ' '; })) {
    refuse("scenarioImage", shown(image) + " is no container image");
  }
}

void check_path(const std::string& field, const std::string& path) {
  if (path.empty() || path.front() != '/') refuse(field, shown(path) + " is not an absolute path");
  if (path.size() > path_bytes_max) refuse(field, shown(path) + " is longer than " + std::to_string(path_bytes_max) + " bytes");
  if (path.back() == '/') refuse(field, shown(path) + " names a folder, not a file");
  if (std::any_of(path.begin(), path.end(), is_control)) refuse(field, "holds a control character");
  if (path.find(':') != path.npos) refuse(field, shown(path) + " holds a ':', which no path of a mount may");
  for (size_t begin = 1; begin <= path.size();) {
    const auto end = std::min(path.find('/', begin), path.size());
    const auto part = std::string_view(path).substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") refuse(field, shown(path) + " has an empty, '.' or '..' part");
    begin = end + 1;
  }
  for (const auto folder : forbidden) {
    if (at_or_below(path, folder)) refuse(field, shown(path) + " lies in " + std::string(folder) + ", which belongs to the system");
  }
  if (path == "/tmp") refuse(field, "'/tmp' is the run's own folder; a file may be put below it");
}

void check_paths(const StartRequest& request) {
  const auto kubeconfig_path = request.kubeconfig_path.empty() ? std::string(kubeconfig_path_default) : request.kubeconfig_path;
  check_path("kubeconfigPath", kubeconfig_path);
  std::map<std::string, std::string> places{{kubeconfig_path, "kubeconfigPath"}};
  for (size_t i = 0; i < request.files.size(); ++i) {
    const auto& file = request.files[i];
    const auto where = "files[" + std::to_string(i) + "]";
    if (file.name.empty()) refuse(where + ".name", "is empty");
    if (file.size > file_bytes_max) {
      refuse(where, shown(file.name) + " has " + std::to_string(file.size) + " bytes; a file may have " + std::to_string(file_bytes_max));
    }
    check_path(where + ".mountPath", file.mount_path);
    if (const auto [place, is_new] = places.emplace(file.mount_path, where + ".mountPath"); !is_new) {
      refuse(where + ".mountPath", shown(file.mount_path) + " is taken by " + place->second);
    }
  }
  for (const auto& [path, field] : places) {
    const auto below = places.lower_bound(path + "/");
    if (below != places.end() && below->first.starts_with(path + "/")) {
      refuse(field, shown(path) + " is a file and, for " + below->second + ", a folder");
    }
  }
}

bool is_variable_name(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  const auto further = [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '-'; };
  return !name.empty() && letter(name.front()) && std::all_of(name.begin(), name.end(), further);
}

void check_environment(const StartRequest& request) {
  for (const auto& [name, value] : request.environment) {
    const auto field = "environment." + name;
    if (!is_variable_name(name)) refuse("environment", shown(name) + " is no name of a variable; one matches [A-Za-z_][A-Za-z0-9_.-]*");
    if (value.find('\0') != value.npos) refuse(field, "holds a NUL byte, which no environment can");
    const size_t room = variable_bytes_max - std::min(variable_bytes_max, name.size() + 2);
    if (value.size() > room) refuse(field, "has " + std::to_string(value.size()) + " bytes; this one may have " + std::to_string(room));
  }
  size_t secret_bytes = 0;
  for (const auto& name : request.secret_variables) {
    if (const auto found = request.environment.find(name); found != request.environment.end())
      secret_bytes += name.size() + found->second.size();
  }
  if (secret_bytes > secrets_bytes_max) {
    refuse("environment", "its secret values have " + std::to_string(secret_bytes) + " bytes together; they may have " +
                              std::to_string(secrets_bytes_max));
  }
}

}  // namespace

void check_job_id(const std::string& id) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  if (id.empty() || id.size() > job_id_bytes_max || !std::all_of(id.begin(), id.end(), plain) || id.front() == '-' || id.back() == '-') {
    throw Error(Code::invalid_argument, "`jobId`: must be 1 to 63 lower-case letters, digits and inner '-'").with_field("jobId");
  }
}

void check_request(const StartRequest& request) {
  check_job_id(request.job_id);
  check_image(request.scenario_image);
  if (!request.target.kubeconfig || request.target.kubeconfig->empty()) {
    refuse("clusterName",
           "the target " + shown(request.target.cluster_name) + " has no kubeconfig, and a scenario of an image is given one");
  }
  if (request.target.kubeconfig->size() > kubeconfig_bytes_max) {
    refuse("clusterName",
           "the kubeconfig of " + shown(request.target.cluster_name) + " has more than " + std::to_string(kubeconfig_bytes_max) + " bytes");
  }
  check_paths(request);
  check_environment(request);
}

}  // namespace operon::runner_pod
