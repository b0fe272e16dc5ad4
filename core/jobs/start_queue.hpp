/// core/jobs/start_queue.hpp: which run starts next: limits per target and per runner, one turn a target.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>

namespace operon::jobs {

/// Where a waiting run stands.
struct QueuePlace {
  size_t position = 0;  ///< from 1, in its target's line
  bool target_full = false;
  bool runner_full = false;
};

/// Not thread-safe: the job table's lock guards it.
class StartQueue {
 public:
  StartQueue(unsigned per_target_max, unsigned per_runner_max) : per_target_max_(per_target_max), per_runner_max_(per_runner_max) {}

  /// Takes a place among the running when there is one and nobody of this target waits before; false: wait.
  bool try_run(const std::string& target, const std::string& runner);
  void wait(const std::string& id, const std::string& target, const std::string& runner);
  /// Leaves the line. False: was not in it.
  bool leave(const std::string& id);
  /// A run that was counted is over.
  void done(const std::string& target, const std::string& runner);
  /// Counts a run that runs already, limit or not (after a restart).
  void adopt(const std::string& target, const std::string& runner);
  /// The next to start, now counted as running. Absent: nobody may.
  std::optional<std::string> next();

  std::optional<QueuePlace> place(const std::string& id) const;
  size_t waiting() const { return members_.size(); }

 private:
  struct Waiting {
    std::string id, runner;
  };
  struct Member {
    std::string target;
    uint64_t turn;
  };
  struct Line {
    std::map<uint64_t, Waiting> waiting;
    mutable std::unordered_map<std::string, size_t> positions;  ///< counted when somebody asks after a change
  };

  bool target_full(const std::string& target) const { return count(per_target_, target) >= per_target_max_; }
  bool runner_full(const std::string& runner) const { return count(per_runner_, runner) >= per_runner_max_; }
  static unsigned count(const std::map<std::string, unsigned>& of, const std::string& key);
  static void release(std::map<std::string, unsigned>& of, const std::string& key);

  const unsigned per_target_max_, per_runner_max_;
  uint64_t turn_ = 0;
  std::map<std::string, unsigned> per_target_, per_runner_;
  std::map<std::string, Line> lines_;
  std::unordered_map<std::string, Member> members_;
  std::string last_target_;
};

}  // namespace operon::jobs
