/// core/control/run_request.hpp: the body of POST /scenarios/run as types.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "operon/kinds/scenario_registry.hpp"

namespace operon::control {

struct RunLimits {
  size_t body_bytes_max = 32u << 20;
  size_t files_max = 100;
  size_t environment_max = 1000;                    ///< entries
  size_t environment_entry_bytes_max = 128u << 10;  ///< "NAME=value" and its NUL: what Linux passes to a process
  size_t environment_bytes_max = 3u << 19;          ///< all entries together: a process gets about 2 MiB, with its arguments
  size_t name_bytes_max = 1024;                     ///< target, cluster, scenario and instance names
  size_t path_bytes_max = 4096;
  size_t idempotency_key_bytes_max = 255;
  int64_t timeout_seconds_max = 30ll * 24 * 3600;
};

struct RunFile {
  std::string name, mount_path;
  std::shared_ptr<const std::string> content;  ///< decoded
};

struct RunRequest {
  std::string target_id, cluster_name, scenario_image, scenario_name;
  std::string kubeconfig_path = "/home/krkn/.kube/config";
  std::map<std::string, std::string> environment;
  std::set<std::string> secret_variables;  ///< of `environment`, besides those that the scenario declares
  std::vector<RunFile> files;
  std::optional<kinds::scenario_registry::AdhocRegistry> own_registry;  ///< registryUrl and scenarioRepository, with what goes with them
  std::string provider, registry, runner;                               ///< instance names; empty = not named
  std::string scenario_digest;                                          ///< that the scenario was shown with; empty = whatever it has now
  int64_t timeout_seconds = 0;                                          ///< 0 = the default
  std::string idempotency_key;                                          ///< empty = none
  std::string digest;  ///< sha256 of the body without credentials and without the key itself
};

/// Throws Error: INVALID_ARGUMENT for what no caller could mean (naming the member; the four required members are looked at first, in the
/// contract's order), FAILED_PRECONDITION for what is well-formed and refused (run_rules.hpp). `idempotency_header` is the header's value,
/// empty when absent.
RunRequest parse_run_request(std::string_view body, std::string_view idempotency_header, const RunLimits&);

/// The registry keys of a body, shared with the POST /scenarios routes. Throws INVALID_ARGUMENT, never quoting a credential, when only one
/// of registryUrl and scenarioRepository is there, for what is neither, and for credentials that no registry could be sent.
std::optional<kinds::scenario_registry::AdhocRegistry> parse_own_registry(const nlohmann::json& body);

/// An optional string member; null counts as absent. Throws INVALID_ARGUMENT naming it.
std::string optional_text(const nlohmann::json& body, const char* member);

}  // namespace operon::control
