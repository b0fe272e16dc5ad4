/// checks.hpp: what a request must be before anything of it is created.
#pragma once

#include <cstddef>
#include <string>

#include "operon/kinds/job_runner.hpp"

namespace operon::runner_pod {

inline constexpr size_t file_bytes_max = 900u << 10;         ///< as one ConfigMap, which holds 1 MiB with everything
inline constexpr size_t variable_bytes_max = 128u << 10;     ///< name, "=", value and NUL: the kernel's limit
inline constexpr size_t kubeconfig_bytes_max = 1000u << 10;  ///< as one object
inline constexpr size_t secrets_bytes_max = 1000u << 10;     ///< values of all secret variables, one object
inline constexpr size_t pod_bytes_max = 1400u << 10;         ///< the whole pod; etcd takes 1.5 MiB

inline constexpr const char* kubeconfig_path_default = "/home/krkn/.kube/config";

/// Throws Error(failed_precondition) naming the field, or Error(invalid_argument) for a job id that makes no name.
void check_request(const kinds::job_runner::StartRequest&);

/// Throws Error(invalid_argument).
void check_job_id(const std::string& job_id);

}  // namespace operon::runner_pod
