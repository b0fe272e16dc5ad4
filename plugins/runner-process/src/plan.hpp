/// plan.hpp: from a start request to exactly what will be run; everything that can be refused is refused here, without any effect.
#pragma once

#include <string>
#include <vector>

#include "configuration.hpp"
#include "operon/kinds/job_runner.hpp"
#include "variables.hpp"

namespace operon::runner_process {

struct PlannedFile {
  std::string path;  ///< below the run's root folder
  std::string blob;  ///< where the bytes are read from; empty when they are `content`
  std::string content;
  uint64_t size = 0;   ///< bytes
  std::string sha256;  ///< lower-case hex; empty: not announced
};

struct Plan {
  std::vector<std::string> arguments, revert_arguments;
  bool revert_always = false;
  Environment environment;  ///< all of it but the run's token
  std::string workdir;
  int64_t time_limit_ms = 0;
  std::vector<PlannedFile> files;  ///< the kubeconfig too
};

/// The variables of the host's own environment that runs are given (`passEnvironment`).
Environment passed_on(const Configuration&);

/// `folder` is the run folder's final path, `passed` what the run is given of the host's environment. Throws Error(failed_precondition,
/// invalid_argument) naming the member at fault.
Plan make_plan(const Configuration&, const kinds::job_runner::StartRequest&, const std::string& folder, const Environment& passed);

}  // namespace operon::runner_process
