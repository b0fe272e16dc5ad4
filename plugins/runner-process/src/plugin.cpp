/// plugin.cpp: runner-process: the verbs, each a line or two.
#include "operon/sdk/job_runner.hpp"
#include "runs.hpp"

namespace operon::runner_process {

class RunnerProcess : public sdk::JobRunner {
 public:
  void configure(sdk::Call&, const nlohmann::json& configuration) override {
    auto runs = std::make_shared<Runs>(read_configuration(configuration, host().instance()), host());
    const std::lock_guard lock(mutex_);
    runs_.swap(runs);
  }
  void quiesce() override {
    if (const auto runs = configured()) runs->quiesce();
  }

  void validate(sdk::Call&, const sdk::StartRequest& request) override { runs().validate(request); }

  sdk::Plan plan(sdk::Call&, const sdk::StartRequest& request) override { return runs().plan(request); }

  sdk::RunState start(sdk::Call& call, const sdk::StartRequest& request) override {
    return runs().start(request, [&](const std::string& blob, uint64_t offset, char* into, size_t size) {
      return call.read_blob(blob, offset, into, size);
    });
  }
  std::vector<sdk::RunState> list(sdk::Call&, const sdk::JobListRequest&) override { return runs().list(); }
  sdk::RunState inspect(sdk::Call&, const sdk::RunRequest& request) override { return runs().inspect(request.job_id); }
  sdk::RunState recover(sdk::Call&, const sdk::RunRequest& request) override { return runs().inspect(request.job_id); }
  void destroy(sdk::Call&, const sdk::RunRequest& request) override { runs().destroy(request.job_id); }

  void stop_async(sdk::AsyncCall<sdk::RunState> call, sdk::StopRequest request) override { runs().stop(call, request); }
  void logs_async(sdk::AsyncCall<sdk::LogsAnswer> call, sdk::LogsRequest request) override { runs().logs(call, request); }

 private:
  std::shared_ptr<Runs> configured() {
    const std::lock_guard lock(mutex_);
    return runs_;
  }
  /// The instance's own, kept alive by it: a reload waits until no verb runs.
  Runs& runs() {
    const auto runs = configured();
    if (!runs) throw Error(Code::failed_precondition, "runner-process has not been configured");
    return *runs;
  }

  std::mutex mutex_;
  std::shared_ptr<Runs> runs_;
};

}  // namespace operon::runner_process

OPERON_PLUGIN(operon::runner_process::RunnerProcess, "runner-process", "0.1.0")
