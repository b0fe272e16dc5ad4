/// core/control/run_flow.hpp: how a run comes to be, as a straight line: registry, runner, values, target, record, start.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/control/choose.hpp"
#include "core/control/image_rules.hpp"
#include "core/control/own_registry_calls.hpp"
#include "core/control/run_request.hpp"
#include "core/control/run_secrets.hpp"
#include "core/control/scenario_facts.hpp"
#include "core/jobs/jobs.hpp"
#include "core/plugin/directory.hpp"
#include "core/targets/targets.hpp"

namespace operon::control {

struct FlowSettings {
  Defaults defaults;
  Validation validation = Validation::best_effort;
  ImageRules images;
  std::string name_space = "default";  ///< job ids follow from it and the idempotency key: the same on every host of one installation
  RunLimits limits;
  unsigned own_registry_calls_max = 4;               ///< requests that wait at once for a registry that they name themselves
  std::chrono::milliseconds registry_ms_max{15000};  ///< each registry's answer about one scenario
  std::chrono::milliseconds validate_ms_max{10000};  ///< the runner's answer to `validate` and `plan`
};

/// Who asks, for the record and the log.
struct Who {
  std::string user, request_id;
};

/// What the flow needs of the job table.
struct JobPort {
  std::function<std::optional<jobs::Job>(std::string_view id)> get;
  std::function<jobs::Accepted(jobs::StartCommand)> start;
  std::function<jobs::Freeze()> frozen;
  std::function<jobs::PlannedStart(jobs::StartCommand)> plan;
};

/// What a start would do.
struct RunPlan {
  jobs::StartCommand start;  ///< secret values, kubeconfig and credentials masked; no files' bytes
  std::string objects;       ///< JSON text of a list: the record, where that is an object, then what the runner would make, if it can tell
  bool repeats = false;      ///< `start.job` is there under this idempotency key: nothing would be started
};
/// The table itself; it must outlive the port.
JobPort port_of(jobs::Jobs&);

/// Thread-safe; blocks on the plugins that it asks, each under its deadline.
class RunFlow {
 public:
  RunFlow(plugin::Directory, targets::Targets&, JobPort, FlowSettings);

  /// Throws Error; nothing was recorded then, unless the runner itself refused in `start`.
  jobs::Accepted start(const RunRequest&, const Who&);

  /// Refuses what `start` would refuse, and has no effect. Throws Error.
  RunPlan plan(const RunRequest&, const Who&) const;

  /// The same for a run that is on record already, up to its start: that is the job table's. Throws Error.
  jobs::StartCommand prepare(const RunRequest&, const Who&, const std::string& job_id);

  const FlowSettings& settings() const noexcept { return settings_; }
  /// Everything that a request asks a registry of its own counts there.
  OwnRegistryCalls& own_registry_calls() const noexcept { return own_registry_calls_; }

 private:
  struct Prepared {
    jobs::StartCommand start;
    std::vector<base::KnownSecret> secrets;
  };
  enum class Asks { a_request, a_record };
  Prepared check(const RunRequest&, const Who&, const std::string& job_id, Asks) const;
  ScenarioFacts facts_of(const RunRequest&, const Who&, Asks) const;
  std::optional<jobs::Accepted> repeated(const RunRequest&, const std::string& job_id) const;
  jobs::StartCommand command(const RunRequest&, const Who&, const std::string& job_id, const ScenarioFacts&,
                             const std::string& runner) const;
  jobs::Accepted record_and_start(jobs::StartCommand) const;
  void remember(const std::string& job_id, std::vector<base::KnownSecret>);
  std::string job_id_of(const RunRequest&) const;
  std::string ask_runner(const char* verb, plugin::Instance& runner, const jobs::StartCommand&, const Who&) const;

  plugin::Directory directory_;
  targets::Targets& targets_;
  JobPort jobs_;
  const FlowSettings settings_;
  RunSecrets secrets_;
  mutable OwnRegistryCalls own_registry_calls_;
};

}  // namespace operon::control
