/// core/kube/resource.hpp: names of things in the API, and the requests about them. No I/O here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/kube/client.hpp"

namespace operon::kube {

/// "pods" of the core group is {"", "v1", "pods"}.
struct Resource {
  std::string group, version, plural;
  bool namespaced = true;

  std::string api_version() const { return group.empty() ? version : group + "/" + version; }
  /// "/apis/batch/v1/namespaces/ns/jobs/name/status". Empty namespace = all of them (lists) or none (cluster-scoped). Throws
  /// Error(invalid_argument) for a name or namespace that cannot be one: nothing a caller passes leads to another path.
  std::string path(std::string_view name_space, std::string_view name = {}, std::string_view subresource = {}) const;
};

struct ListOptions {
  std::string name_space;
  std::string label_selector, field_selector;
  unsigned limit = 500;
  std::string continue_token;
  std::string resource_version;  ///< "" = the newest, "0" = whatever the server has in memory
};
Request list_request(const Resource&, const ListOptions&);

struct WatchOptions {
  std::string name_space;
  std::string label_selector, field_selector;
  std::string resource_version;
  bool initial_events = false;             ///< a streaming list first (servers from 1.32; others answer 422 or never end the list)
  std::chrono::seconds server_timeout{0};  ///< after which the server ends the watch; 0 = its own idea
};
Request watch_request(const Resource&, const WatchOptions&);

enum class PatchType { merge, json, strategic };
struct ApplyOptions {
  std::string field_manager = "operon";
  bool force = false;  ///< take fields over from other managers instead of a Conflict
};
enum class Propagation { background, foreground, orphan };
struct DeleteOptions {
  Propagation propagation = Propagation::background;
  std::string uid{}, resource_version{};  ///< preconditions
  std::optional<int64_t> grace_seconds{};
};

}  // namespace operon::kube
