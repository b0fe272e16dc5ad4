/// scenario_run.hpp: the `run` part of a directory scenario: what to run, as its author wrote it.
#pragma once

#include <string>
#include <vector>

#include "variables.hpp"

namespace operon::runner_process {

struct ScenarioRun {
  std::vector<std::string> arguments;
  std::string workdir;  ///< empty: the run's own home
  Environment environment;
  std::vector<std::string> revert_arguments;
  bool revert_always = false;  ///< also after exit code 0
  bool needs_kubeconfig = false;
};

/// Reads JSON text {argv, workdir, env, revert: {argv, always}, needsKubeconfig}. Throws Error(failed_precondition) naming the member.
ScenarioRun read_scenario_run(const std::string& json, const std::string& scenario);

}  // namespace operon::runner_process
