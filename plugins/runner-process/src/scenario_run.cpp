#include "scenario_run.hpp"

#include <nlohmann/json.hpp>

#include "operon/members.hpp"

namespace operon::runner_process {

static ScenarioRun read(const nlohmann::json& json) {
  ScenarioRun run;
  members::expect_object(json);
  members::require(json, "argv", run.arguments);
  members::read(json, "workdir", run.workdir);
  members::read(json, "env", run.environment);
  members::read(json, "needsKubeconfig", run.needs_kubeconfig);
  if (const auto revert = json.find("revert"); revert != json.end() && !revert->is_null()) {
    members::detail::within("revert", [&] {
      members::expect_object(*revert);
      members::require(*revert, "argv", run.revert_arguments);
      members::read(*revert, "always", run.revert_always);
      if (run.revert_arguments.empty()) throw members::MemberError("argv", "must name a program");
    });
  }
  if (run.arguments.empty() || run.arguments.front().empty()) throw members::MemberError("argv", "must name a program");
  return run;
}

ScenarioRun read_scenario_run(const std::string& json, const std::string& scenario) {
  if (json.empty()) {
    throw Error(Code::failed_precondition,
                "scenario '" + scenario +
                    "' says nothing of what to run: no file of that name is in the scenario folder, or it has no `run` part with `argv`")
        .with_field("scenarioImage");
  }
  const auto parsed = nlohmann::json::parse(json, nullptr, false);
  try {
    if (parsed.is_discarded()) throw members::MemberError("", "is not JSON");
    return read(parsed);
  } catch (const Error& e) {
    throw Error(Code::failed_precondition, "the `run` part of scenario '" + scenario + "' is wrong: " + e.what())
        .with_field("scenarioImage");
  }
}

}  // namespace operon::runner_process
