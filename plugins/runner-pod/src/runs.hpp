/// runs.hpp: the runs of one instance: starting, finding again, stopping, removing them.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "cluster.hpp"
#include "configuration.hpp"
#include "log_follower.hpp"
#include "operon/sdk/job_runner.hpp"
#include "pods.hpp"
#include "worker.hpp"

namespace operon::runner_pod {

/// Reads all of a request's blob.
using BlobReader = std::function<std::string(const std::string& blob, size_t bytes_max)>;

/// Thread-safe; keep it in a shared_ptr. The cluster is the truth; what is kept in memory is what it said last.
class Runs : public std::enable_shared_from_this<Runs> {
 public:
  using StopCall = sdk::AsyncCall<sdk::RunState>;

  Runs(Configuration configuration, sdk::Host host);
  ~Runs();
  Runs(const Runs&) = delete;
  Runs& operator=(const Runs&) = delete;

  /// Throws what start would throw, without an effect.
  void validate(const sdk::StartRequest& request) const;
  /// The request is masked by who asks.
  sdk::Plan plan(const sdk::StartRequest& request) const;
  sdk::RunState start(const sdk::StartRequest& request, const BlobReader& read_blob, const Until& until);
  /// Throws Error(not_found), after removing what a start that never came to its pod has left.
  sdk::RunState look(const sdk::RunRequest& request, const Until& until);
  std::vector<sdk::RunState> list(const Until& until);
  /// Answers when the pod is gone; UNAVAILABLE just before the call's time ends, with what the pod waits for.
  void stop(const StopCall& call, const sdk::StopRequest& request);
  void logs(const LogsCall& call, const sdk::LogsRequest& request, const Until& until);
  void destroy(const std::string& job, const Until& until);
  /// Joins all threads; runs go on.
  void quiesce();

 private:
  class Starting;

  sdk::RunState state_of(const PodState& pod) const;
  PodState find(const sdk::RunRequest& request, const Until& until);
  PodState create(const JobObjects& objects, const std::string& job, const Until& until);
  std::optional<PodState> adopt(const sdk::RunRequest& request, const Until& until);
  bool whole(const nlohmann::json& pod, const std::string& job, const Until& until);
  void remove_half_made(const JobObjects& objects, const std::string& job);
  bool remove_parts(const std::string& job, const Until& until);
  void remove_parts_later(const std::string& job, unsigned attempt);
  void stop_asked(const StopCall& call, const sdk::StopRequest& request, const sdk::KubernetesAnswer& answer,
                  const std::optional<Error>& error);

  const Configuration configuration_;
  const sdk::Host host_;
  mutable std::mutex mutex_;
  std::set<std::string> starting_;  ///< jobs whose objects are being made here
  std::unordered_map<std::string, LogPlace> places_;
  std::unordered_map<LogFollower*, std::weak_ptr<LogFollower>> followers_;
  Cluster cluster_;
  Worker worker_;
  Worker timers_;
  Pods pods_;
};

}  // namespace operon::runner_pod
