/// @NAME@: a job runner whose runs count down in memory. No run has a thread: the host's clock calls back.
#include <chrono>
#include <map>
#include <memory>
#include <mutex>

#include "operon/sdk.hpp"
#include "operon/sdk/memory_log.hpp"

using namespace operon::sdk;
using operon::Code;
using operon::Error;

class @CLASS@ : public JobRunner {
 public:
  void configure(Call&, const nlohmann::json& configuration) override {
    const std::lock_guard lock(mutex_);
    step_ms_ = configuration.value("step_ms", 1000);
    steps_ = configuration.value("steps", 3);
  }

  RunState start(Call&, const StartRequest& request) override {
    const std::lock_guard lock(mutex_);
    auto [it, is_new] = runs_.try_emplace(request.job_id);
    if (is_new) {  // asked again, the answer is how the first one is doing
      it->second.state.job_id = request.job_id;
      it->second.state.phase = Phase::running;
      it->second.state.start_unix_ms = now();
      it->second.steps_left = steps_;
      host().info("run started", {{"job", request.job_id}, {"scenario", request.scenario_name}});
      schedule(request.job_id);
    }
    return it->second.state;
  }

  std::vector<RunState> list(Call&, const JobListRequest&) override {
    const std::lock_guard lock(mutex_);
    std::vector<RunState> states;
    for (const auto& [id, run] : runs_) states.push_back(run.state);
    return states;
  }

  RunState inspect(Call&, const RunRequest& request) override {
    const std::lock_guard lock(mutex_);
    return find(request.job_id).state;
  }

  RunState recover(Call& call, const RunRequest& request) override { return inspect(call, request); }

  /// Asynchronous, because a follower stays as long as its run: a blocked thread each would be too many.
  void logs_async(AsyncCall<LogsAnswer> call, LogsRequest request) override {
    std::shared_ptr<MemoryLog> log;
    {
      const std::lock_guard lock(mutex_);
      log = find(request.job_id).log;
    }
    log->serve(call, request);
  }

  RunState stop(Call&, const StopRequest& request) override {
    const std::lock_guard lock(mutex_);
    Run& run = find(request.job_id);
    if (!operon::kinds::job_runner::terminal(run.state.phase)) end(run, Phase::stopped, 143);
    return run.state;
  }

  void destroy(Call&, const RunRequest& request) override {
    const std::lock_guard lock(mutex_);
    const auto it = runs_.find(request.job_id);
    if (it == runs_.end()) throw Error(Code::not_found, "no run " + request.job_id);
    if (!operon::kinds::job_runner::terminal(it->second.state.phase)) throw Error(Code::failed_precondition, "the run is still running");
    runs_.erase(it);
  }

 private:
  struct Run {
    RunState state;
    int steps_left = 0;
    std::shared_ptr<MemoryLog> log = std::make_shared<MemoryLog>();
  };

  static int64_t now() {
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
  }
  Run& find(const std::string& job_id) {
    const auto it = runs_.find(job_id);
    if (it == runs_.end()) throw Error(Code::not_found, "no run " + job_id);
    return it->second;
  }
  void schedule(const std::string& job_id) {
    clock_.after(std::chrono::milliseconds(step_ms_), [this, job_id] { step(job_id); });
  }
  void step(const std::string& job_id) {
    const std::lock_guard lock(mutex_);
    const auto it = runs_.find(job_id);
    if (it == runs_.end() || it->second.state.phase != Phase::running) return;  // stopped meanwhile
    Run& run = it->second;
    run.log->append("still " + std::to_string(run.steps_left) + " to go\n");
    if (--run.steps_left > 0) {
      schedule(job_id);
    } else {
      end(run, Phase::succeeded, 0);
    }
  }
  void end(Run& run, Phase phase, int exit_code) {
    run.state.phase = phase;
    run.state.exit_code = exit_code;
    run.state.end_unix_ms = now();
    run.log->close();
    notify_job(run.state.job_id);  // "look again": the host asks inspect
  }

  std::mutex mutex_;
  int64_t step_ms_ = 1000;
  int steps_ = 3;
  std::map<std::string, Run> runs_;
  const Clock clock_{host()};
};

OPERON_PLUGIN(@CLASS@, "@NAME@", "0.1.0")
