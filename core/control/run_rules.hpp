/// core/control/run_rules.hpp: what is well-formed and refused all the same, whatever the runner.
#pragma once

#include <string>
#include <string_view>

#include "core/control/run_request.hpp"

namespace operon::control {

/// Throws Error(failed_precondition), field() = the member at fault, for: an illegal image reference, an illegal path, file name or
/// environment name, two files at one place, a value or name over its limit. Values are never quoted.
void check_rules(const RunRequest&, const RunLimits&);

/// Throws Error(invalid_argument), field() = the member at fault, for a registryUrl that is no host or host:port, a scenarioRepository that
/// is no path of one, and credentials that HTTP cannot carry. Credentials are never quoted.
void check_own_registry(const kinds::scenario_registry::AdhocRegistry&);

/// A place inside a run's file system that a request may name: absolute, without "." or "..", a file, and not over /proc, /sys, /dev or the
/// service-account mount. Returns what is wrong with it, empty when nothing.
std::string path_trouble(std::string_view path, size_t bytes_max);

/// [A-Za-z_][A-Za-z0-9_.-]*
bool is_environment_name(std::string_view);

}  // namespace operon::control
