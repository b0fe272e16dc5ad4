/// plugin.cpp: runner-pod: the verbs, each a line or two.
#include "runs.hpp"

namespace operon::runner_pod {

class RunnerPod : public sdk::JobRunner {
 public:
  void configure(sdk::Call&, const nlohmann::json& configuration) override {
    auto runs = std::make_shared<Runs>(read_configuration(configuration), host());
    const std::lock_guard lock(mutex_);
    runs_.swap(runs);
  }
  void quiesce() override {
    if (const auto runs = configured()) runs->quiesce();
  }

  void validate(sdk::Call&, const sdk::StartRequest& request) override { runs().validate(request); }

  sdk::Plan plan(sdk::Call&, const sdk::StartRequest& request) override { return runs().plan(request); }

  sdk::RunState start(sdk::Call& call, const sdk::StartRequest& request) override {
    return runs().start(
        request, [&](const std::string& blob, size_t bytes_max) { return call.read_blob(blob, bytes_max); }, until(call));
  }
  std::vector<sdk::RunState> list(sdk::Call& call, const sdk::JobListRequest&) override { return runs().list(until(call)); }
  sdk::RunState inspect(sdk::Call& call, const sdk::RunRequest& request) override { return runs().look(request, until(call)); }
  sdk::RunState recover(sdk::Call& call, const sdk::RunRequest& request) override { return runs().look(request, until(call)); }
  void destroy(sdk::Call& call, const sdk::RunRequest& request) override { runs().destroy(request.job_id, until(call)); }

  void stop_async(sdk::AsyncCall<sdk::RunState> call, sdk::StopRequest request) override { runs().stop(call, request); }
  void logs_async(sdk::AsyncCall<sdk::LogsAnswer> call, sdk::LogsRequest request) override {
    const sdk::Call own(call.raw());  // for the one question that is waited for
    runs().logs(call, request, {std::chrono::steady_clock::now() + find_seconds_max, &own});
  }

 private:
  static constexpr std::chrono::seconds find_seconds_max{20};
  static constexpr std::chrono::seconds answer_seconds{2};  ///< kept of a call's time for its answer

  static Until until(const sdk::Call& call) {
    const auto deadline = call.deadline();
    const auto left = deadline ? *deadline - std::chrono::system_clock::now() - answer_seconds : std::chrono::seconds(find_seconds_max);
    return {std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::milliseconds>(left), &call};
  }

  std::shared_ptr<Runs> configured() {
    const std::lock_guard lock(mutex_);
    return runs_;
  }
  /// The instance's own, kept alive by it: a reload waits until no verb runs.
  Runs& runs() {
    const auto runs = configured();
    if (!runs) throw Error(Code::failed_precondition, "runner-pod has not been configured");
    return *runs;
  }

  std::mutex mutex_;
  std::shared_ptr<Runs> runs_;
};

}  // namespace operon::runner_pod

OPERON_PLUGIN(operon::runner_pod::RunnerPod, "runner-pod", "0.1.0")
