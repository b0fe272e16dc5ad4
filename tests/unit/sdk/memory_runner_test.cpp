#include "operon/sdk/memory_runner.hpp"

#include "subject.hpp"

using namespace operon;
using namespace operon::sdk;

namespace {

constexpr auto runner = kinds::job_runner::id;

/// A run ends when the test says so.
struct ByHand : MemoryRunner {
  static inline std::vector<Run> begun;
  static inline std::vector<std::string> ended_early;

 protected:
  void begin(const Run& run) override {
    if (run.request().scenario_name == "bad") throw Error(Code::failed_precondition, "not this one");
    begun.push_back(run);
  }
  void stopped(const Run& run) override { ended_early.push_back(run.request().job_id); }
};

struct Running : subject::Running<ByHand> {
  Running() {
    ByHand::begun.clear();
    ByHand::ended_early.clear();
  }
  testing::Result start_run(const std::string& job, const std::string& scenario = "s") {
    StartRequest request;
    request.job_id = job;
    request.target.cluster_name = "localhost";
    request.scenario_name = scenario;
    request.scenario_image = "dir://s";
    return call(runner, "start", request);
  }
  RunState inspect(const std::string& job) { return call(runner, "inspect", RunRequest{job, {}}).as<RunState>(); }
};

}  // namespace

TEST_CASE("a run of a memory runner begins once, and is told when it ends") {
  Running host;
  CHECK(host.start_run("a").as<RunState>().phase == Phase::running);
  CHECK(host.start_run("a").as<RunState>().phase == Phase::running);
  REQUIRE(ByHand::begun.size() == 1);
  auto follow = host.start(runner, "logs", LogsRequest{"a", {}, 0, true});
  ByHand::begun[0].log("hello\n");
  ByHand::begun[0].end(Phase::failed, 3, "three");
  CHECK(follow.wait().bytes() == "hello\n");
  CHECK(host.wait_for_notification({"job", "a"}));
  const auto state = host.inspect("a");
  CHECK(state.phase == Phase::failed);
  CHECK(state.exit_code == 3);
  CHECK(state.message == "three");
  ByHand::begun[0].end(Phase::succeeded, 0);
  CHECK(host.inspect("a").phase == Phase::failed);
  CHECK(host.call(runner, "stop", StopRequest{"a", {}, 1}).as<RunState>().phase == Phase::failed);
  CHECK(ByHand::ended_early.empty());
  CHECK(host.breaches().empty());
}

TEST_CASE("a run of a memory runner is stopped, found, and removed") {
  Running host;
  host.start_run("a");
  CHECK(host.call(runner, "destroy", RunRequest{"a", {}}).code == Code::failed_precondition);
  CHECK(host.call(runner, "recover", RunRequest{"a", {}}).as<RunState>().phase == Phase::running);
  CHECK(host.call(runner, "stop", StopRequest{"a", {}, 1}).as<RunState>().phase == Phase::stopped);
  CHECK(host.call(runner, "stop", StopRequest{"a", {}, 1}).as<RunState>().phase == Phase::stopped);
  CHECK(ByHand::ended_early == std::vector<std::string>{"a"});
  CHECK(ByHand::begun[0].ended());
  CHECK(host.call(runner, "list").items_as<RunState>().size() == 1);
  CHECK(host.call(runner, "destroy", RunRequest{"a", {}}).ok());
  CHECK(host.call(runner, "inspect", RunRequest{"a", {}}).code == Code::not_found);
}

TEST_CASE("a run that a memory runner refuses was never there") {
  Running host;
  CHECK(host.start_run("a", "bad").code == Code::failed_precondition);
  CHECK(host.call(runner, "inspect", RunRequest{"a", {}}).code == Code::not_found);
  CHECK(host.start_run("a").ok());
}
