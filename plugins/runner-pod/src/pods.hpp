/// pods.hpp: the pods of all runs as they are now, kept up to date by one watch.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "cluster.hpp"
#include "pod_state.hpp"

namespace operon::runner_pod {

/// Thread-safe. A pod that has gone is remembered with its end until forget(), or until `gone_max` others have gone after it.
class Pods {
 public:
  static constexpr size_t gone_max = 10'000;
  static constexpr size_t left_out_max = 1'000;  ///< pods that are no run's and are told of

  struct Listener {
    std::function<void(const std::string& job)> changed;  ///< something that people see
    std::function<void(const std::string& job)> gone;     ///< the pod is not there any more
  };
  /// Told of every change of one run until it answers true. On threads of the host's: must not block.
  using Observer = std::function<bool(const PodState&)>;

  /// The listener must not block. Nothing is called before begin().
  Pods(Cluster& cluster, sdk::Host host, Listener listener);
  ~Pods();
  void begin();
  /// Joins the thread.
  void stop();

  std::optional<PodState> find(const std::string& job) const;
  std::vector<PodState> all() const;
  /// Waits until the pods that there are are known; false when they are not.
  bool wait_synced(const Until&) const;

  /// What the server answered to a request of our own: never older than that is what find() says afterwards.
  void put(PodState);
  /// The pod is known not to be there.
  void put_gone(PodState);
  /// Nobody asks for this run any more.
  void forget(const std::string& job);
  /// A pod of a start that failed, which is being removed: find() knows nothing of it, and nobody is told of its end. Until put() again.
  void disown(const PodState&);

  void observe(const std::string& job, std::shared_ptr<Observer>);
  void stop_telling(const std::string& job, const Observer&);

 private:
  struct Entry {
    PodState state;
    uint64_t round = 0;  ///< of the list during or after which it was last seen
    bool gone = false, forgotten = false, disowned = false;
  };
  struct Change {
    PodState state;
    bool gone = false, seen_by_people = false;
    std::vector<std::shared_ptr<Observer>> observers{};
  };
  struct Watch;

  void loop();
  void failed(const std::string& why);
  void relist();
  void watch();
  void take(const nlohmann::json& event, Watch& watch);
  void leave_out(const nlohmann::json& pod);
  void apply(PodState state);
  void remove(const std::string& job, std::optional<PodState> last);
  std::optional<Change> store(PodState state);
  std::optional<Change> erase(const std::string& job, std::optional<PodState> last);
  Change change(const Entry& entry, bool seen);
  void tell(const std::optional<Change>& change);

  Cluster& cluster_;
  const sdk::Host host_;
  const Listener listener_;
  mutable std::mutex mutex_;
  mutable std::condition_variable wake_;
  std::unordered_map<std::string, Entry> entries_;
  std::deque<std::string> gone_;              ///< jobs, the longest gone first
  std::unordered_set<std::string> left_out_;  ///< uids of pods with the labels of a run that are none's
  std::unordered_multimap<std::string, std::shared_ptr<Observer>> observers_;
  bool synced_ = false, stopping_ = false;
  uint64_t round_ = 0;
  std::shared_ptr<Watch> watch_;  ///< the one that is open, or was last
  std::string failure_;           ///< told last
  std::string version_;           ///< where the watch goes on; empty: list first
  std::thread thread_;
};

}  // namespace operon::runner_pod
