/// cluster.hpp: the requests that this plugin sends to the API server, tried again where that is safe, and refusals in words.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "objects.hpp"
#include "operon/sdk/kubernetes.hpp"

namespace operon::runner_pod {

using Deadline = std::chrono::steady_clock::time_point;

inline constexpr size_t objects_at_once_max = 8;  ///< being created for one run: their bodies are in memory meanwhile

/// How long something may take: until the deadline, or until the call on whose behalf it is done is cancelled.
struct Until {
  Deadline deadline;
  const sdk::Call* call = nullptr;

  bool cancelled() const { return call != nullptr && call->cancelled(); }
};

/// Thread-safe. Everything that blocks throws Error: UNAVAILABLE when the API server cannot be asked until the deadline,
/// FAILED_PRECONDITION when it refuses for good.
class Cluster {
 public:
  Cluster(sdk::Host host, std::string name_space);

  /// The configured namespace, or the host's.
  std::string name_space();

  /// All at the same time, `objects_at_once_max` at most; the pod, if any, with the last of the others and ahead of them, since its node
  /// has to be found first. The pod as the server has it; none when one of that name is there already. What is there already of the others
  /// is taken for what was to be made. Each one of a batch is tried before this throws the first one's refusal; what would come after it is
  /// not.
  std::optional<nlohmann::json> create(const std::vector<Object>&, const Object* pod, const Until&);
  /// None when it is not there.
  std::optional<nlohmann::json> pod(const std::string& name, const Until&);
  /// One page of all pods of runs; `next` is its "continue" and empty for the first.
  nlohmann::json pods(const std::string& next, const Until&);
  /// False when it was not there.
  bool remove(const std::string& resource, const std::string& name, int64_t grace_seconds, const Until&);
  /// At once, and only the very pod that was read and as it was then: one that has begun meanwhile stays. Throws Error(unavailable) then.
  void remove_unchanged(const nlohmann::json& pod, const Until&);
  /// ConfigMaps and Secrets of a job.
  std::vector<Object> parts(const std::string& job_id, const Until&);

  /// `done` has the status and the body, or the error; on any thread.
  void remove_pod_async(const std::string& name, int64_t grace_seconds,
                        std::function<void(const sdk::KubernetesAnswer&, const std::optional<Error>&)> done);
  /// Writes an Event about a pod, as a courtesy: nobody waits for it, and its failure is nobody's. A replica that comes later writes none.
  void report_pod(const nlohmann::json& pod, const std::string& reason, const std::string& note);
  sdk::Operation watch_pods(const std::string& version, std::function<void(const nlohmann::json&)> on_event,
                            std::function<void(std::optional<Error>)> on_done);
  sdk::Operation log(const std::string& pod, bool follow, const std::string& since, std::function<bool(std::string_view)> on_bytes,
                     std::function<void(std::optional<Error>)> on_done);

  /// Waits end at once, and nothing is tried again.
  void stop();

 private:
  bool sleep(std::chrono::milliseconds time, const Until& until);

  sdk::KubernetesAnswer ask(sdk::KubernetesRequest, const Until&);
  std::vector<sdk::KubernetesOutcome> ask_all(std::vector<sdk::KubernetesRequest>, const Until&);
  std::string path(const std::string& resource, const std::string& name = {});

  const sdk::Kubernetes kubernetes_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::string name_space_;
};

/// A refusal as the caller is told it.
Error refusal(const std::string& what, const sdk::KubernetesAnswer&);

}  // namespace operon::runner_pod
