/// requests.hpp: a request to start with, for the tests of runner-pod.
#pragma once

#include "operon/kinds/job_runner_json.hpp"

namespace runner_pod_test {

inline operon::kinds::job_runner::StartRequest request() {
  operon::kinds::job_runner::StartRequest r;
  r.job_id = "1e5e8f3a-0000-4000-8000-000000000001";
  r.object_name = "krkn-job-" + r.job_id;
  r.target = {"9b2d0000-0000-4000-8000-000000000002", "krkn-operator", "east", "https://east.example:6443",
              "apiVersion: v1\nkind: Config\n"};
  r.scenario_name = "pod-scenarios";
  r.scenario_image = "quay.io/krkn-chaos/krkn-hub:pod-scenarios";
  r.environment = {{"NAMESPACE", "shop"}, {"COUNT", "$(id)"}, {"TOKEN", "hunter2"}};
  r.secret_variables = {"TOKEN"};
  r.kubeconfig_path = "/home/krkn/.kube/config";
  r.timeout_seconds = 600;
  return r;
}

inline void add_file(operon::kinds::job_runner::StartRequest& r, const std::string& name, const std::string& path, uint64_t size = 3) {
  r.files.push_back({name, path, "file-" + std::to_string(r.files.size()), size, ""});
}

}  // namespace runner_pod_test
