/// core/jobs/cluster_jobs.hpp: runs that are Run objects, shared by all hosts of an installation.
///
/// Every host answers for every run; the leader alone starts, stops and records (it has a JobTable over the same objects). A start that
/// comes to another host is recorded there and waits, bounded, for the leader to take it up. Runs that were applied by hand go the same
/// way.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/jobs/job_table.hpp"
#include "core/jobs/jobs.hpp"
#include "core/jobs/object_store.hpp"
#include "core/kube/client.hpp"

namespace operon::jobs {

struct ClusterJobLimits {
  ObjectStoreLimits store;
  std::chrono::milliseconds start_answer_ms{5000};    ///< how long a start waits for the leader; it is accepted then all the same
  std::chrono::milliseconds deletion_ms_max{60'000};  ///< a deleted Run goes after that, whatever its runner says
};

/// What stands above: how a Run says what is to be started.
struct RunReader {
  /// All that `start` needs for an applied Run, checked as a body of POST is. Blocks; throws Error.
  std::function<StartCommand(const nlohmann::json& run)> command;
};

class ClusterJobs final : public Jobs {
 public:
  /// All must outlive it.
  ClusterJobs(std::shared_ptr<kube::Client>, std::string name_space, const Runners&, LogHub&, base::Clock&, JobLimits,
              ClusterJobLimits = {});
  ~ClusterJobs() override;

  void set_reader(RunReader);
  /// Begins to fill the cache of runs, without waiting; nothing is done about any run yet.
  void begin();
  /// Fills the cache of runs. Throws Error(unavailable) saying what is missing.
  void resume();
  /// This host is the leader now, and as long as `holds` says so: takes up every run that has not ended. On any thread, in turn with
  /// follow(), after which `holds` is not asked any more.
  void lead(std::function<bool()> holds);
  void follow();
  /// Follows, and works on no Run any more.
  void stop_working();

  Accepted start(StartCommand) override;
  PlannedStart plan(StartCommand) const override;
  std::optional<Job> get(std::string_view id) const override;
  Page list(const JobFilter&, unsigned limit, std::string_view continue_token) const override;
  Stopped stop(std::string_view id) override;
  std::vector<std::string> stop_all(std::chrono::milliseconds) override;
  void freeze(std::string reason, std::string user) override;
  void unfreeze(std::string user) override;
  Freeze frozen() const override;
  void drain(std::chrono::milliseconds) override;
  void on_notify(const std::string& instance, std::string_view kind, std::string_view key) override;
  void prepare_log(const Job&) override;
  std::optional<std::vector<JobEvent>> events_after(uint64_t revision, unsigned max) const override;
  uint64_t revision() const override;
  std::shared_ptr<void> subscribe(std::function<void()>) override;
  std::string trouble() const override;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace operon::jobs
