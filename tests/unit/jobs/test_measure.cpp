/// Measurements, run by hand: `test_jobs [measure]`. They print; what must hold for ever is checked elsewhere with room.
#include <time.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <iostream>

#include "log_fixture.hpp"
#include "table_fixture.hpp"

using namespace operon::jobs;
using namespace operon::jobs::testing;

namespace {

double cpu_ms() {
  struct timespec now {};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1000 + static_cast<double>(now.tv_nsec) / 1e6;
}

std::string status(const char* key) {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind(key, 0) == 0) return line;
  }
  return "";
}

}  // namespace

TEST_CASE("a page of 100 out of 100,000", "[.][measure]") {
  TemporaryFolder folder;
  Host host(folder.path);
  for (int i = 0; i < 100000; ++i) {
    JobRecord record;
    record.job = command("job" + std::to_string(i), "cluster" + std::to_string(i % 50)).job;
    record.job.scenario_name = "scenario" + std::to_string(i % 7);
    record.job.created_unix_ms = 1767323045678 + i;
    record.job.phase = i % 1000 == 0 ? Phase::failed : Phase::succeeded;
    record.job.end_unix_ms = record.job.created_unix_ms + 5;
    record.cleanup = Cleanup::none;
    record.json = to_contract_json(record.job);
    if (i % 1000 == 999) {
      host.store->update_now(record, false);
    } else {
      host.store->update(record, false, {});
    }
  }
  const auto measure = [&](const char* what, const JobFilter& filter) {
    std::string token;
    double worst = 0, sum = 0;
    for (int i = 0; i < 20; ++i) {
      const double before = cpu_ms();
      token = host.table->list(filter, 100, token).continue_token;
      const double took = cpu_ms() - before;
      worst = std::max(worst, took);
      sum += took;
    }
    std::cout << what << ": mean " << sum / 20 << " ms, worst " << worst << " ms of CPU\n";
  };
  JobFilter filter;
  measure("no filter", filter);
  filter.phase = Phase::failed;
  measure("status=Failed", filter);
  filter.phase.reset();
  filter.cluster_name = "cluster3";
  measure("clusterName", filter);
  filter.phase = Phase::succeeded;
  filter.scenario_name = "scenario3";
  measure("three filters", filter);
  CHECK(host.table->get("job5"));
}

TEST_CASE("1,000 runs, each followed and archived", "[.][measure]") {
  TemporaryFolder folder;
  JobLimits limits;
  limits.running_per_target_max = 2000;
  limits.running_per_runner_max = 2000;
  Host host(folder.path, limits);
  std::vector<std::unique_ptr<Stream>> streams;
  const double began = cpu_ms();
  for (int i = 0; i < 1000; ++i) host.table->start(command("job" + std::to_string(i)));
  std::cout << "start: " << (cpu_ms() - began) / 1000 << " ms of CPU each\n";
  for (int i = 0; i < 1000; ++i) streams.push_back(std::make_unique<Stream>(*host.hub, "job" + std::to_string(i), following()));
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 1000; ++i) {
      host.runner->write("job" + std::to_string(i), std::string(1000, 'x') + "\n");
      streams[static_cast<size_t>(i)]->drain();
      streams[static_cast<size_t>(i)]->got.clear();
    }
  }
  std::cout << status("Threads") << "\n" << status("VmRSS") << " (20 MB of it the runner's)\n";
  for (int i = 0; i < 1000; ++i) {
    host.runner->set("job" + std::to_string(i), Phase::succeeded, 0);
    host.notify("job" + std::to_string(i));
  }
  REQUIRE(eventually([&] { return host.store->to_clean(Cleanup::log, INT64_MAX, 1).empty() && host.store->not_ended().empty(); }));
  std::cout << status("VmHWM") << "\n";
}
