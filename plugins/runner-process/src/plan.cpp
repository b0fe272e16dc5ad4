#include "plan.hpp"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "mount_path.hpp"
#include "operon/error.hpp"
#include "operon/run_folder/layout.hpp"
#include "scenario_run.hpp"

namespace operon::runner_process {

using kinds::job_runner::StartRequest;

namespace {

constexpr std::string_view scenario_scheme = "dir://";
constexpr const char* kubeconfig_path_default = "/home/krkn/.kube/config";
constexpr size_t arguments_bytes_max =
    1536u << 10;  ///< argv and environment together; the kernel's own limit is 2 MiB with the usual stack

[[noreturn]] void refuse(const std::string& field, const std::string& message) {
  throw Error(Code::failed_precondition, message).with_field(field);
}

void check_image(const StartRequest& request) {
  if (!request.scenario_image.starts_with(scenario_scheme)) {
    throw Error(Code::failed_precondition, "'" + request.scenario_image +
                                               "' is a container image; runner-process runs directory scenarios (dir://NAME). "
                                               "Name a runner that takes images, or a scenario of a folder")
        .with_reason("ContainerImage")
        .with_field("scenarioImage");
  }
  if (request.scenario_image.size() == scenario_scheme.size()) refuse("scenarioImage", "scenarioImage: 'dir://' names no scenario");
}

int64_t time_limit_ms(const Configuration& configuration, const StartRequest& request) {
  if (request.timeout_seconds < 0) refuse("timeoutSeconds", "timeoutSeconds: must not be negative");
  if (request.timeout_seconds > configuration.time_limit_seconds_max) {
    refuse("timeoutSeconds", "timeoutSeconds: at most " + std::to_string(configuration.time_limit_seconds_max) +
                                 " (timeLimitSecondsMax of the runner), not " + std::to_string(request.timeout_seconds));
  }
  return 1000 * (request.timeout_seconds == 0 ? configuration.time_limit_seconds_default : request.timeout_seconds);
}

/// What the caller may set: declared, harmless, and nothing that the runner sets itself.
void check_requested(const StartRequest& request) {
  const std::set<std::string> declared(request.declared_variables.begin(), request.declared_variables.end());
  for (const auto& [name, value] : request.environment) {
    const auto field = "environment." + name;
    check_variable_name(name, "environment");
    check_variable_value(name, value, "environment");
    if (name == "KUBECONFIG" && value == request.kubeconfig_path) continue;
    // No colon after a name: what follows one that sounds secret is hidden wherever it is shown.
    if (set_by_runner(name)) refuse(field, "variable " + name + " of environment is set by the runner itself");
    if (request.variables_known && !declared.contains(name)) {
      std::string known;
      for (const auto& variable : declared) known += (known.empty() ? "" : ", ") + variable;
      refuse(field, "scenario '" + request.scenario_name + "' does not know the variable " + name + " of environment; it knows " +
                        (known.empty() ? "none" : known));
    }
  }
}

std::string from_host(const char* name, const char* otherwise) {
  const char* const value = std::getenv(name);
  return value == nullptr ? otherwise : value;
}

Environment base_environment(const Configuration& configuration, const StartRequest& request, const std::string& folder,
                             Environment environment) {
  const auto programs = configuration.supervisor.parent_path().string();
  environment["PATH"] = (programs.empty() ? "" : programs + ":") + configuration.path;
  environment["HOME"] = folder + "/" + run_folder::home_folder;
  environment["TMPDIR"] = folder + "/" + run_folder::temp_folder;
  environment["LANG"] = from_host("LANG", "C.UTF-8");
  if (std::getenv("TZ") != nullptr) environment["TZ"] = from_host("TZ", "");
  environment["OPERON_JOB_ID"] = request.job_id;
  return environment;
}

void plan_files(const StartRequest& request, const ScenarioRun& run, const std::string& root, Plan& plan) {
  std::map<std::string, std::string> moved;  // mount path -> path inside the run folder
  std::vector<std::string> paths;
  for (size_t i = 0; i < request.files.size(); ++i) {
    const auto& file = request.files[i];
    const auto path = inside(file.mount_path, "files[" + std::to_string(i) + "].mountPath");
    plan.files.push_back({path, file.blob, {}, file.size, file.sha256});
    moved[file.mount_path] = root + "/" + path;
    paths.push_back(path);
  }
  if (request.target.kubeconfig) {
    const auto path = inside(request.kubeconfig_path.empty() ? kubeconfig_path_default : request.kubeconfig_path, "kubeconfigPath");
    plan.files.push_back({path, {}, *request.target.kubeconfig, request.target.kubeconfig->size(), {}});
    plan.environment["KUBECONFIG"] = root + "/" + path;
    paths.push_back(path);
  } else if (run.needs_kubeconfig) {
    refuse("clusterName",
           "scenario '" + request.scenario_name + "' needs a kubeconfig, and the target '" + request.target.cluster_name + "' has none");
  }
  check_distinct(paths);
  for (const auto& [name, value] : request.environment) {
    const auto found = moved.find(value);
    if (name != "KUBECONFIG") plan.environment[name] = found == moved.end() ? value : found->second;
  }
}

std::vector<std::string> substituted(const std::vector<std::string>& arguments, const Environment& environment, const char* field) {
  std::vector<std::string> result;
  for (const auto& argument : arguments) {
    result.push_back(substitute(argument, environment));
    if (result.back().find('\0') != std::string::npos) refuse("scenarioImage", std::string("run.") + field + " holds a NUL byte");
    if (result.back().size() + 1 > variable_bytes_max) {
      refuse("environment", "an argument of run." + std::string(field) + " has " + std::to_string(result.back().size()) +
                                " bytes after replacing variables; at most " + std::to_string(variable_bytes_max - 1));
    }
  }
  return result;
}

void check_total(const Plan& plan) {
  size_t bytes = 0;
  for (const auto& [name, value] : plan.environment) bytes += name.size() + value.size() + 2 + sizeof(char*);
  for (const auto& argument : plan.arguments) bytes += argument.size() + 1 + sizeof(char*);
  if (bytes > arguments_bytes_max) {
    refuse("environment",
           "environment and arguments have " + std::to_string(bytes) + " bytes together; at most " + std::to_string(arguments_bytes_max));
  }
}

}  // namespace

Environment passed_on(const Configuration& configuration) {
  Environment passed;
  for (const auto& name : configuration.pass_environment) {
    if (const char* const value = std::getenv(name.c_str())) passed[name] = value;
  }
  return passed;
}

Plan make_plan(const Configuration& configuration, const StartRequest& request, const std::string& folder, const Environment& passed) {
  check_image(request);
  const auto run = read_scenario_run(request.scenario_run, request.scenario_name);
  check_requested(request);
  Plan plan;
  plan.time_limit_ms = time_limit_ms(configuration, request);
  plan.revert_always = run.revert_always;
  plan.environment = base_environment(configuration, request, folder, passed);
  plan_files(request, run, folder + "/" + run_folder::root_folder, plan);
  const auto variables = plan.environment;  // of the caller: the author's own do not see each other, so their order means nothing
  for (const auto& [name, value] : run.environment) {
    check_variable_name(name, "run.env");
    if (name.starts_with("OPERON_")) refuse("scenarioImage", "run.env." + name + ": is set by the runner itself");
    plan.environment[name] = substitute(value, variables);
    check_variable_value(name, plan.environment[name], "run.env");
  }
  plan.arguments = substituted(run.arguments, plan.environment, "argv");
  plan.revert_arguments = substituted(run.revert_arguments, plan.environment, "revert.argv");
  plan.workdir = run.workdir.empty() ? plan.environment["HOME"] : substitute(run.workdir, plan.environment);
  if (plan.workdir.empty() || plan.workdir.front() != '/' || plan.workdir.find('\0') != std::string::npos) {
    refuse("scenarioImage", "run.workdir: '" + run.workdir + "' is not an absolute path");
  }
  check_total(plan);
  return plan;
}

}  // namespace operon::runner_process
