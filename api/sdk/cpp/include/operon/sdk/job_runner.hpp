/// operon/sdk/job_runner.hpp: base class of plugins that run jobs (`operon.job-runner/1`).
///
/// Of each pair override one: the plain function blocks a thread of the instance's executor, the `_async` one answers later. `logs` with
/// follow lives as long as its run: write logs_async when there may be many. What a verb means is said in operon/kinds/job_runner.hpp.
#pragma once

#include <vector>

#include "operon/kinds/job_runner_json.hpp"
#include "operon/sdk/overridden.hpp"
#include "operon/sdk/plugin.hpp"

namespace operon::sdk {

using kinds::job_runner::Handle;
using kinds::job_runner::LogEvent;
using kinds::job_runner::LogsAnswer;
using kinds::job_runner::LogsRequest;
using kinds::job_runner::Phase;
using kinds::job_runner::Plan;
using kinds::job_runner::RunRequest;
using kinds::job_runner::RunState;
using kinds::job_runner::StartRequest;
using kinds::job_runner::StopRequest;
using JobListRequest = kinds::job_runner::ListRequest;

class JobRunner : public virtual Plugin {
 public:
  /// Throws what `start` would throw for a request that cannot be met; no effect. The default accepts everything.
  virtual void validate(Call&, const StartRequest&) {}
  virtual void validate_async(AsyncCall<>, StartRequest) {}

  /// What `start` would make, for people to look at; no effect. Offered only by those that override it.
  virtual Plan plan(Call&, const StartRequest&) { sdk::detail::not_offered("plan"); }
  virtual void plan_async(AsyncCall<Plan>, StartRequest) {}

  /// Starts the run of this job id, once: asked again it answers how that run is.
  virtual RunState start(Call&, const StartRequest&) { sdk::detail::not_offered("start"); }
  virtual void start_async(AsyncCall<RunState>, StartRequest) {}

  /// All runs that exist, whoever started them.
  virtual std::vector<RunState> list(Call&, const JobListRequest&) { sdk::detail::not_offered("list"); }
  virtual void list_async(AsyncCall<std::vector<RunState>>, JobListRequest) {}

  virtual RunState inspect(Call&, const RunRequest&) { sdk::detail::not_offered("inspect"); }
  virtual void inspect_async(AsyncCall<RunState>, RunRequest) {}

  virtual LogsAnswer logs(Call&, const LogsRequest&) { sdk::detail::not_offered("logs"); }
  virtual void logs_async(AsyncCall<LogsAnswer>, LogsRequest) {}

  virtual RunState stop(Call&, const StopRequest&) { sdk::detail::not_offered("stop"); }
  virtual void stop_async(AsyncCall<RunState>, StopRequest) {}

  /// Finds a run again by its job id alone, after the host was away.
  virtual RunState recover(Call&, const RunRequest&) { sdk::detail::not_offered("recover"); }
  virtual void recover_async(AsyncCall<RunState>, RunRequest) {}

  /// Removes what is left of an ended run.
  virtual void destroy(Call&, const RunRequest&) { sdk::detail::not_offered("destroy"); }
  virtual void destroy_async(AsyncCall<>, RunRequest) {}

  /// Tells the host to look at this job again.
  void notify_job(std::string_view job_id) const noexcept { host().notify(kinds::job_runner::notify_kind, job_id); }

  template <class C>
  static Interface<C> interface_of() {
    constexpr bool validates_later = OPERON_SDK_OVERRIDES(C, JobRunner, validate_async);
    const auto validate = [] {
      if constexpr (validates_later) {
        return verb_of<C, &JobRunner::validate_async>("validate", plain);
      } else {
        return verb_of<C, &JobRunner::validate>("validate", plain);
      }
    };
    Interface<C> offered = {kinds::job_runner::id,
                            {validate(), OPERON_SDK_VERB(C, JobRunner, start, mutates), OPERON_SDK_VERB(C, JobRunner, list, streams),
                             OPERON_SDK_VERB(C, JobRunner, inspect, plain), OPERON_SDK_VERB(C, JobRunner, logs, streams),
                             OPERON_SDK_VERB(C, JobRunner, stop, mutates), OPERON_SDK_VERB(C, JobRunner, recover, plain),
                             OPERON_SDK_VERB(C, JobRunner, destroy, mutates)}};
    if constexpr (OPERON_SDK_OVERRIDES(C, JobRunner, plan) || OPERON_SDK_OVERRIDES(C, JobRunner, plan_async))
      offered.verbs.push_back(OPERON_SDK_VERB(C, JobRunner, plan, plain));
    return offered;
  }
};

}  // namespace operon::sdk
