/// objects.hpp: the objects that a run is made of, as JSON (contract, section 4). Pure functions: nothing is asked, nothing is sent.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "configuration.hpp"
#include "operon/kinds/job_runner.hpp"

namespace operon::runner_pod {

inline constexpr const char* app_label = "app";
inline constexpr const char* app_label_value = "krkn-scenario";
inline constexpr const char* job_label = "krkn-job-id";
inline constexpr const char* container_name = "scenario";

struct Object {
  std::string resource;  ///< "configmaps", "secrets", "pods"
  nlohmann::json body;
  std::string name() const { return body["metadata"]["name"].get<std::string>(); }
};

/// In the order in which they are created; the pod is the last, so that it never waits for one of the others.
struct JobObjects {
  std::vector<Object> parts;
  Object pod;
};

std::string pod_name(const std::string& job_id);

/// `contents`: of request.files, in their order. The request has been checked (checks.hpp). Throws Error(failed_precondition) when the pod
/// would be too large.
JobObjects make_objects(const Configuration&, const kinds::job_runner::StartRequest&, const std::vector<std::string>& contents);

}  // namespace operon::runner_pod
