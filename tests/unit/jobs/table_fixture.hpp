/// tests/unit/jobs/table_fixture.hpp: a whole job table over a folder, with a runner of the test's own.
#pragma once

#include "core/base/ids.hpp"
#include "core/base/manual_clock.hpp"
#include "core/jobs/job_table.hpp"
#include "core/jobs/sqlite_store.hpp"
#include "fake_runner.hpp"

namespace operon::jobs::testing {

struct Host {
  std::filesystem::path folder;
  base::ManualClock clock;
  FakeRunners runners;
  std::shared_ptr<FakeRunner> runner;
  std::shared_ptr<Store> store;
  std::unique_ptr<LogHub> hub;
  std::unique_ptr<JobTable> table;

  explicit Host(std::filesystem::path dir, JobLimits limits = {}, bool with_runner = true) : folder(std::move(dir)) {
    runner = std::make_shared<FakeRunner>("fake", folder / "runner");
    if (with_runner) runners.add(runner);
    store = open_sqlite_store(folder / "state.db");
    hub = std::make_unique<LogHub>(folder / "logs", runners, LogLimits{});
    table = std::make_unique<JobTable>(store, runners, *hub, clock, limits);
    clock.on_advance([this] {
      if (table) table->wake();
    });
    table->recover();
  }
  ~Host() {
    table.reset();
    hub.reset();
  }
  /// The runner noticed something.
  void notify(const std::string& id) { table->on_notify("fake", "job", id); }
  Phase phase(const std::string& id) const {
    const auto job = table->get(id);
    return job ? job->phase : Phase::pending;
  }
};

inline StartCommand command(const std::string& id, const std::string& cluster = "c1", const std::string& runner = "fake") {
  StartCommand made;
  made.job.id = id;
  made.job.target_id = "target";
  made.job.provider = "file";
  made.job.cluster_name = cluster;
  made.job.scenario_name = "hello";
  made.job.scenario_image = "dir://hello";
  made.job.runner = runner;
  made.job.user = "someone";
  made.job.digest = "digest-of-" + id;
  made.request.job_id = id;
  made.request.object_name = "krkn-job-" + id;
  made.request.target.cluster_name = cluster;
  made.request.scenario_name = "hello";
  made.request.scenario_image = "dir://hello";
  made.request.kubeconfig_path = "/home/krkn/.kube/config";
  return made;
}

}  // namespace operon::jobs::testing
