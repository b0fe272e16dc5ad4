#include "core/kube/permissions.hpp"

#include <algorithm>

#include "core/base/text.hpp"
#include "operon/error.hpp"

namespace operon::kube {
namespace {

bool covers(const std::vector<std::string>& list, const std::string& value) {
  return std::any_of(list.begin(), list.end(), [&](const auto& one) { return one == "*" || one == value; });
}

std::vector<std::string_view> steps_of(std::string_view path) {
  std::vector<std::string_view> steps;
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    const auto end = path.find('/');
    steps.push_back(path.substr(0, end));
    path.remove_prefix(end == std::string_view::npos ? path.size() : end);
  }
  return steps;
}

std::string verb_of(std::string_view method, bool named, bool watch) {
  if (watch) return "watch";
  if (method == "GET" || method == "HEAD") return named ? "get" : "list";
  if (method == "POST") return "create";
  if (method == "PUT") return "update";
  if (method == "PATCH") return "patch";
  if (method == "DELETE") return named ? "delete" : "deletecollection";
  throw Error(Code::invalid_argument, "method: must be GET, POST, PUT, PATCH or DELETE").with_field("method");
}

}  // namespace

Access access_of(std::string_view method, std::string_view path, bool watch) {
  const auto wrong = [&] {
    return Error(Code::invalid_argument,
                 "path: must name a resource as in /api/v1/namespaces/NS/pods or /apis/GROUP/VERSION/..., not " + base::printable(path))
        .with_field("path");
  };
  // What is escaped or cleaned on its way could be something else when it arrives.
  if (path.empty() || path.front() != '/' || path.find('%') != std::string_view::npos) throw wrong();
  auto steps = steps_of(path);
  if (std::any_of(steps.begin(), steps.end(), [](auto step) { return step.empty() || step == "." || step == ".."; })) throw wrong();
  const bool core = steps.front() == "api";
  if (!core && steps.front() != "apis") throw wrong();
  const size_t prefix = core ? 2 : 3;
  if (steps.size() <= prefix) throw wrong();
  Access access;
  if (!core) access.group = steps[1];
  size_t at = prefix;
  if (steps[at] == "watch") throw wrong();  // the old way to watch, which would be taken for a resource
  if (steps[at] == "namespaces" && steps.size() > at + 2 &&
      !(steps.size() == at + 3 && (steps[at + 2] == "status" || steps[at + 2] == "finalize"))) {
    access.name_space = steps[at + 1];
    at += 2;
  }
  access.resource = steps[at];
  if (steps.size() > at + 1) access.name = steps[at + 1];
  if (steps.size() > at + 2) access.resource += "/" + std::string(steps[at + 2]);
  if (steps.size() > at + 3) throw wrong();  // proxies and the like
  access.verb = verb_of(method, !access.name.empty(), watch);
  return access;
}

void check_access(const Access& access, const std::vector<PermissionRule>& rules, std::string_view who) {
  for (const auto& rule : rules) {
    const bool here = rule.name_spaces.empty() || covers(rule.name_spaces, access.name_space);
    const bool named = rule.names.empty() || (!access.name.empty() && covers(rule.names, access.name));
    if (here && named && covers(rule.groups, access.group) && covers(rule.resources, access.resource) && covers(rule.verbs, access.verb))
      return;
  }
  throw Error(Code::permission_denied, std::string(who) + " may not " + access.verb + " " + access.resource +
                                           (access.group.empty() ? "" : " of " + access.group) +
                                           (access.name_space.empty() ? "" : " in namespace " + base::printable(access.name_space, 80)) +
                                           ": its manifest's permissions do not name that")
      .with_reason("NotInManifest");
}

}  // namespace operon::kube
