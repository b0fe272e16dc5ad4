/// bench_fill_runs NAMESPACE COUNT: Runs that have ended, as operond leaves them, with 2 KB of spec and status each.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "core/jobs/run_object.hpp"
#include "core/kube/api.hpp"
#include "tests/bench/kube/cost.hpp"

namespace {

using nlohmann::json;
namespace jobs = operon::jobs;
namespace kube = operon::kube;

constexpr int at_once = 16;
constexpr size_t content_bytes = 2048;
/// Not so long ago that the limits of age would take them.
const int64_t begin_ms =
    std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch() - std::chrono::hours(12))
        .count();

std::string job_id(int i) {
  char text[40];
  std::snprintf(text, sizeof text, "%08x-0000-4000-8000-%012x", static_cast<unsigned>(i) * 2654435761u, static_cast<unsigned>(i));
  return text;
}

jobs::JobRecord ended_record(int i) {
  jobs::JobRecord record;
  auto& job = record.job;
  job.id = job_id(i);
  job.target_id = job_id(i % 10);
  job.provider = "target-krkn";
  job.cluster_name = "cluster-" + std::to_string(i % 10);
  job.scenario_name = "scenario-" + std::to_string(i % 20);
  job.scenario_image = "quay.io/krkn-chaos/krkn-hub:" + job.scenario_name;
  job.runner = "runner-pod";
  job.registry = "registry-krknctl";
  job.user = "user@example.com";
  job.digest = std::string(64, 'a');
  job.phase = i % 5 == 0 ? jobs::Phase::failed : jobs::Phase::succeeded;
  job.message = i % 5 == 0 ? "the scenario ended with exit code 1" : "";
  job.exit_code = i % 5 == 0 ? 1 : 0;
  job.start_unix_ms = begin_ms + i * 1000;
  job.end_unix_ms = begin_ms + i * 1000 + 60'000;
  record.cleanup = jobs::Cleanup::none;
  return record;
}

void make(const kube::Api& api, const std::string& name_space, int i) {
  const auto record = ended_record(i);
  jobs::PendingRequest pending;
  pending.request.kubeconfig_path = "/home/krkn/.kube/config";
  for (int v = 0; v < 8; ++v)
    pending.request.environment["PARAMETER_" + std::to_string(v)] = "value-" + std::to_string(i) + std::string(20, 'v');
  auto run = *jobs::new_run(record, pending).run;
  run["metadata"].erase("finalizers");  // it has ended, and operond has let it go
  const auto made = api.create(jobs::run_resource(), name_space, run).parse();
  auto patch = jobs::status_patch(record, true, jobs::read_run(made), *record.job.end_unix_ms);
  auto& status = patch["status"];
  const auto used = made["spec"].dump().size() + status.dump().size() + 14;  // 14: the member's own name and marks
  if (used < content_bytes) status["logTail"] = std::string(content_bytes - used, 'l');
  api.patch(jobs::run_resource(), {name_space, made["metadata"]["name"], "status"}, kube::PatchType::merge, patch);
}

void work(int argc, char** argv) {
  if (argc != 3) throw std::runtime_error("usage: bench_fill_runs NAMESPACE COUNT");
  const int count = std::stoi(argv[2]);
  kube::Client client(operon::bench::cluster());
  const kube::Api api(client);
  std::atomic<int> next{0};
  std::atomic<bool> failed{false};
  std::vector<std::thread> makers;
  for (int t = 0; t < at_once; ++t) {
    makers.emplace_back([&] {
      try {
        for (int i = next++; i < count && !failed; i = next++) make(api, argv[1], i);
      } catch (const std::exception& error) {
        if (!failed.exchange(true)) std::fprintf(stderr, "%s\n", error.what());
      }
    });
  }
  for (auto& maker : makers) maker.join();
  if (failed) throw std::runtime_error("not all runs could be made");
}

}  // namespace

int main(int argc, char** argv) {
  return operon::bench::run_main(work, argc, argv);
}
