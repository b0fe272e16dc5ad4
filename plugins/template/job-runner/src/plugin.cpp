/// @NAME@: a job runner whose runs count down in memory. No run has a thread: the host's clock calls back.
#include <atomic>
#include <chrono>

#include "operon/sdk.hpp"
#include "operon/sdk/memory_runner.hpp"

using namespace operon::sdk;

class @CLASS@ : public MemoryRunner {
 public:
  /// Already valid against schema.json; again on reload, when no verb runs.
  void configure(Call&, const nlohmann::json& configuration) override {
    step_ms_ = configuration.value("step_ms", 1000);
    steps_ = configuration.value("steps", 3);
  }

 protected:
  /// Called once a job id. `run.request()` says what to run, on which target, with which variables and files.
  void begin(const Run& run) override {
    host().info("run started", {{"job", run.request().job_id}, {"scenario", run.request().scenario_name}});
    after_a_step(run, steps_);
  }

 private:
  void after_a_step(const Run& run, int left) {
    clock_.after(std::chrono::milliseconds(step_ms_), [this, run, left] {
      if (run.ended()) return;  // stopped meanwhile
      run.log("still " + std::to_string(left) + " to go\n");
      if (left > 1) return after_a_step(run, left - 1);
      run.end(Phase::succeeded, 0);
    });
  }

  std::atomic<int> step_ms_{1000}, steps_{3};
  const Clock clock_{host()};
};

OPERON_PLUGIN(@CLASS@, "@NAME@", "0.1.0")
