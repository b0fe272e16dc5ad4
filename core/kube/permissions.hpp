/// core/kube/permissions.hpp: what a plugin may do in the cluster, as its manifest says, and what a request would do. No I/O here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace operon::kube {

/// As a rule of a Role: everything named in each list, "*" for all.
struct PermissionRule {
  std::vector<std::string> groups, resources, verbs;  ///< resources with their subresource: "pods", "pods/log"
  std::vector<std::string> names;                     ///< empty = all
  std::vector<std::string> name_spaces;               ///< empty = all
};

/// What the API server will take a request for.
struct Access {
  std::string verb, group, resource, name_space, name;
};

/// Throws Error(invalid_argument) for a path that names no resource; such paths are nobody's to call.
Access access_of(std::string_view method, std::string_view path, bool watch);

/// Throws Error(permission_denied) that says which rule is missing from the manifest of `who`.
void check_access(const Access&, const std::vector<PermissionRule>&, std::string_view who);

}  // namespace operon::kube
