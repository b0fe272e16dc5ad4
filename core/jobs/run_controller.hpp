/// core/jobs/run_controller.hpp: brings what Run objects ask for to the leader's job table: starts, stops, deletions.
#pragma once

#include <chrono>
#include <memory>
#include <string>

namespace operon::base {
class Clock;
}

namespace operon::jobs {

class JobTable;
class LogHub;
class ObjectStore;
struct RunReader;

/// Thread-safe. On a host that does not lead it only carries logs that somebody follows there to their end.
class RunController {
 public:
  /// All must outlive it.
  RunController(ObjectStore&, LogHub&, base::Clock&, std::chrono::milliseconds deletion_ms_max);
  ~RunController();

  void set_reader(RunReader);
  void start();
  void stop();
  /// Null: another host leads.
  void lead(std::shared_ptr<JobTable>);

  /// Something about this Run changed. Never blocks.
  void look(const std::string& name);
  /// Applied Runs that could not be accepted are tried again now.
  void look_at_waiting();
  /// Its log is to be read here as soon as it runs.
  void follow_log(const std::string& job_id, const std::string& name);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace operon::jobs
