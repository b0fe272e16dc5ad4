/// core/kube/kube_service.hpp: operon.host.kube/1, the API server for plugins. No plugin is given the token.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "core/base/service.hpp"
#include "core/kube/client.hpp"
#include "core/kube/permissions.hpp"

namespace operon::kube {

struct KubeServiceLimits {
  unsigned execs_max = 32;                ///< at a time, each costs a thread; more are refused
  size_t request_bytes_max = 4u << 20;    ///< of a call's request
  size_t response_bytes_max = 16u << 20;  ///< of an answer's body
};

/// What an instance's manifest permits. Called for every call.
using PermissionsOf = std::function<std::vector<PermissionRule>(std::string_view instance)>;

/// Verbs, as in api/schemas/operon.host.kube.v1.json:
///
///   info     {} -> {"namespace", "server"}
///   request  {"method", "path", "query"?, "body"?, "contentType"?, "accept"?, "timeoutMs"?} -> body as STDOUT chunks, then {"status",
///   "bodyBytes"} watch    {"path", "query"?} -> one event a line as STDOUT chunks (which end anywhere), then {} when the server ends it
///   log      {"namespace", "pod", "container"?, "follow"?, "tailLines"?, "sinceTime"?, "timestamps"?} -> STDOUT chunks, then {}
///   exec     {"namespace", "pod", "container"?, "command", "input"?, "timeoutMs"?} -> STDOUT and STDERR chunks, then {"exitCode"}
///
/// A status of the server is request's answer, and the other verbs' failure. Each is checked against the permissions of the instance that
/// asks before anything is sent. A slow plugin holds up its own stream only.
std::shared_ptr<base::Service> make_kube_service(std::shared_ptr<Client>, PermissionsOf, KubeServiceLimits = {});

}  // namespace operon::kube
