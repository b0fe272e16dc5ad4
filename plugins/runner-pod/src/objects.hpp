/// objects.hpp: the objects that a run is made of, as JSON (contract, section 4). Pure functions: nothing is asked, nothing is sent.
#pragma once

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
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

/// The pod may be there before its parts: its node waits for them. It does not wait for a pull secret, but goes on without; so `first` is
/// there before the pod.
struct JobObjects {
  std::vector<Object> first, parts;
  Object pod;
};

std::string pod_name(const std::string& job_id);

/// Resource and name of each part of its job without which the pod, as the server has it, does not start.
std::set<std::pair<std::string, std::string>> needed_parts(const nlohmann::json& pod);

/// `contents`: of request.files, in their order. The request has been checked (checks.hpp). Throws Error(failed_precondition) when the pod
/// would be too large.
JobObjects make_objects(const Configuration&, const kinds::job_runner::StartRequest&, const std::vector<std::string>& contents);

/// The objects as a list of manifests for people, the pod after what it needs; Secrets with `stringData`, which can be read.
nlohmann::json shown_objects(const JobObjects&);

}  // namespace operon::runner_pod
