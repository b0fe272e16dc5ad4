/// core/jobs/commit_queue.hpp: many writers, one thread, one sync for all that came meanwhile.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/metrics/metrics.hpp"
#include "operon/error.hpp"

namespace operon::jobs {

/// The one connection that writes. Used by the queue's thread alone.
class Committer {
 public:
  virtual ~Committer() = default;
  /// Begins, calls, commits. Throws Error when one of them fails; nothing is written then, as far as anybody who asks later can see.
  virtual void transact(const std::function<void()>& body) = 0;
  /// After so long without a write comes rest(); absent: never before the next write.
  virtual std::optional<std::chrono::milliseconds> rest_after() const = 0;
  /// What is wrong with the place ("" = nothing); absent: it was not looked at.
  virtual std::optional<std::string> rest() = 0;
};

struct QueueLimits {
  unsigned writes_queued_max = 50000;
  unsigned writes_per_commit_max = 512;
};

/// Owns the committer and its thread. Thread-safe. What is queued at destruction is still written.
class CommitQueue {
 public:
  /// Runs inside a transaction, once more when the batch that it was in had to be taken apart.
  using Work = std::function<void()>;
  using Done = std::function<void(const std::optional<Error>&)>;

  CommitQueue(std::unique_ptr<Committer>, const QueueLimits&);
  ~CommitQueue();

  /// Never blocks on the disk. `done` comes on the writing thread, or at once (resource_exhausted) when the queue is full.
  void post(Work, Done);
  /// Waits until it is durable; throws.
  void run(Work);
  /// The error of the last write or look; empty when it went well.
  std::string trouble() const;

 private:
  struct Item {
    Work work;
    Done done;
    std::optional<Error> error;
  };

  void loop();
  void commit(std::vector<Item>&);
  void commit_alone(Item&);
  void finish(std::vector<Item>&);
  void rest() noexcept;
  void tell(std::string trouble);

  std::unique_ptr<Committer> committer_;
  const QueueLimits limits_;
  metrics::Counter failures_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Item> queue_;
  std::string trouble_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace operon::jobs
