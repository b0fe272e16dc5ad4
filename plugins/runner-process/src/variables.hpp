/// variables.hpp: which environment variables may reach a run, and `$(VARIABLE)`.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace operon::runner_process {

using Environment = std::map<std::string, std::string>;

inline constexpr size_t variable_bytes_max = 128u << 10;  ///< of NAME=VALUE and its NUL: what the kernel takes as one string

/// Throws Error(failed_precondition) with field `where`.NAME: no name ([A-Za-z_][A-Za-z0-9_.-]*), or one with which the dynamic
/// linker, a shell or an interpreter would be made to run something else (LD_PRELOAD, BASH_ENV, PYTHONSTARTUP ...).
void check_variable_name(const std::string& name, const std::string& where);

/// The same for the value: no NUL, and NAME=VALUE within variable_bytes_max. Never says the value.
void check_variable_value(const std::string& name, const std::string& value, const std::string& where);

/// True for what the runner itself sets: PATH, HOME, TMPDIR, KUBECONFIG and all OPERON_...
bool set_by_runner(std::string_view name);

/// Replaces `$(NAME)` once, as Kubernetes does in container arguments: `$$` is a `$`, and an unknown name stays as it stands.
std::string substitute(std::string_view text, const Environment& variables);

}  // namespace operon::runner_process
