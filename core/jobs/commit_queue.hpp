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

#include "core/jobs/sqlite_store.hpp"
#include "core/metrics/metrics.hpp"
#include "operon/error.hpp"

namespace operon::jobs {

namespace sqlite {
class Connection;
}

/// Owns the writing connection and its thread. Thread-safe. What is queued at destruction is still written.
class CommitQueue {
 public:
  /// Runs inside a transaction, once more when the batch that it was in had to be taken apart.
  using Work = std::function<void(sqlite::Connection&)>;
  using Done = std::function<void(const std::optional<Error>&)>;

  CommitQueue(std::unique_ptr<sqlite::Connection>, const SqliteLimits&);
  ~CommitQueue();

  /// Never blocks on the disk. `done` comes on the writing thread, or at once (resource_exhausted) when the queue is full.
  void post(Work, Done);
  /// Waits until it is durable; throws.
  void run(Work);
  /// The error of the last write; empty when it went well.
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
  void transact(const std::function<void()>& body);
  void finish(std::vector<Item>&);
  bool tidy() noexcept;

  std::unique_ptr<sqlite::Connection> connection_;
  const SqliteLimits limits_;
  metrics::Counter failures_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Item> queue_;
  std::string trouble_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace operon::jobs
