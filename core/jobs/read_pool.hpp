/// core/jobs/read_pool.hpp: reading connections, lent one question at a time.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "operon/error.hpp"

namespace operon::jobs {

/// Thread-safe. Connections are opened as they are needed, and kept. `Connection::broken()` says that one is of no use any more: a question
/// that an idle one died of is asked again on a new one.
template <class Connection>
class ReadPool {
 public:
  using Open = std::function<std::unique_ptr<Connection>()>;

  ReadPool(Open open, unsigned connections_max, std::chrono::milliseconds wait_max)
      : open_(std::move(open)), max_(connections_max), wait_max_(wait_max) {}

  template <class Question>
  auto with(Question&& question) {
    struct Lent {
      ReadPool& pool;
      std::unique_ptr<Connection> connection;
      ~Lent() { pool.give_back(std::move(connection)); }
    };
    {
      Lent lent{*this, take()};
      const bool was_idle = lent.connection != nullptr;
      if (!was_idle) lent.connection = open_();
      try {
        return question(*lent.connection);
      } catch (const Error&) {
        if (!was_idle || !lent.connection->broken()) throw;
      }
    }
    drop_idle();  // they went with the same server
    Lent lent{*this, take()};
    if (!lent.connection) lent.connection = open_();
    return question(*lent.connection);
  }

 private:
  std::unique_ptr<Connection> take() {
    std::unique_lock lock(mutex_);
    if (!free_.wait_for(lock, wait_max_, [this] { return lent_ < max_; })) {
      throw Error(Code::unavailable, "the state store is busy: all " + std::to_string(max_) +
                                         " reading connections (read_connections_max) have been in use for " +
                                         std::to_string(wait_max_.count()) + " ms");
    }
    ++lent_;
    if (idle_.empty()) return nullptr;
    auto connection = std::move(idle_.back());
    idle_.pop_back();
    return connection;
  }
  void give_back(std::unique_ptr<Connection> connection) {
    if (connection && connection->broken()) connection.reset();
    std::lock_guard lock(mutex_);
    --lent_;
    if (connection) idle_.push_back(std::move(connection));
    free_.notify_one();
  }
  void drop_idle() {
    std::vector<std::unique_ptr<Connection>> old;  // closed without the lock
    std::lock_guard lock(mutex_);
    old.swap(idle_);
  }

  const Open open_;
  const unsigned max_;
  const std::chrono::milliseconds wait_max_;
  std::mutex mutex_;
  std::condition_variable free_;
  std::vector<std::unique_ptr<Connection>> idle_;
  unsigned lent_ = 0;
};

}  // namespace operon::jobs
