#include "check.hpp"
#include "operon/sdk/job_runner.hpp"
#include "operon/testing/host.hpp"

using namespace operon::sdk;
using namespace std::chrono_literals;

constexpr auto runner = operon::kinds::job_runner::id;

static StartRequest start_request(const std::string& job_id) {
  StartRequest request;
  request.job_id = job_id;
  request.target.cluster_name = "localhost";
  request.scenario_name = "countdown";
  request.scenario_image = "dir://countdown";
  return request;
}

static void a_run_counts_down_and_its_log_can_be_followed() {
  const auto host = operon::testing::Host::load(PLUGIN_LIBRARY);
  host->configure({{"steps", 2}, {"step_ms", 1000}});
  CHECK(host->call(runner, "start", start_request("j1")).as<RunState>().phase == Phase::running);
  CHECK(host->call(runner, "start", start_request("j1")).ok());  // again: the same run
  auto log = host->start(runner, "logs", LogsRequest{"j1", {}, 0, true});
  host->services.advance(1s);  // the test's clock: nobody waits
  host->services.advance(1s);
  CHECK(host->wait_for_notification({"job", "j1"}));
  CHECK(host->call(runner, "inspect", RunRequest{"j1", {}}).as<RunState>().phase == Phase::succeeded);
  CHECK(log.wait().bytes() == "still 2 to go\nstill 1 to go\n");
  CHECK(host->breaches().empty());
}

static void a_run_is_stopped_and_removed() {
  const auto host = operon::testing::Host::load(PLUGIN_LIBRARY);
  host->configure(nlohmann::json::object());
  CHECK(host->call(runner, "start", start_request("j2")).ok());
  CHECK(host->call(runner, "destroy", RunRequest{"j2", {}}).code == operon::Code::failed_precondition);
  CHECK(host->call(runner, "stop", StopRequest{"j2", {}, 1}).as<RunState>().phase == Phase::stopped);
  CHECK(host->call(runner, "stop", StopRequest{"j2", {}, 1}).as<RunState>().phase == Phase::stopped);
  CHECK(host->call(runner, "list").items_as<RunState>().size() == 1);
  CHECK(host->call(runner, "destroy", RunRequest{"j2", {}}).ok());
  CHECK(host->call(runner, "inspect", RunRequest{"j2", {}}).code == operon::Code::not_found);
  CHECK(host->breaches().empty());
}

int main() {
  a_run_counts_down_and_its_log_can_be_followed();
  a_run_is_stopped_and_removed();
}
