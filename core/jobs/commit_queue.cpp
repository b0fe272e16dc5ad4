#include "core/jobs/commit_queue.hpp"

#include <future>

#include "core/jobs/sqlite_connection.hpp"
#include "core/log/log.hpp"

namespace operon::jobs {
namespace {

/// Shares nothing with the original, which another thread throws away.
Error deep_copy(const Error& e) {
  auto copy = Error(e.code(), std::string(e.what())).with_reason(e.reason()).with_field(e.field());
  if (e.retry_after_ms()) copy = std::move(copy).with_retry_after_ms(*e.retry_after_ms());
  return copy;
}

}  // namespace

CommitQueue::CommitQueue(std::unique_ptr<sqlite::Connection> connection, const SqliteLimits& limits)
    : connection_(std::move(connection)),
      limits_(limits),
      failures_(metrics::counter("operon_store_write_failures_total", "Writes of the state store that failed")),
      thread_([this] { loop(); }) {}

CommitQueue::~CommitQueue() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void CommitQueue::post(Work work, Done done) {
  {
    std::lock_guard lock(mutex_);
    if (queue_.size() < limits_.writes_queued_max && !stopping_) {
      queue_.push_back({std::move(work), std::move(done), {}});
      wake_.notify_one();
      return;
    }
  }
  failures_.add();
  done(Error(Code::resource_exhausted,
             "the state store cannot keep up: " + std::to_string(limits_.writes_queued_max) + " writes are waiting (writes_queued_max)"));
}

void CommitQueue::run(Work work) {
  std::promise<std::optional<Error>> promise;
  auto future = promise.get_future();
  post(std::move(work), [&promise](const std::optional<Error>& error) {
    promise.set_value(error ? std::optional<Error>(deep_copy(*error)) : std::nullopt);
  });
  if (const auto error = future.get()) throw Error(*error);
}

std::string CommitQueue::trouble() const {
  std::lock_guard lock(mutex_);
  return trouble_;
}

void CommitQueue::loop() {
  bool untidy = false;
  std::vector<Item> batch;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      const auto due = [this] { return stopping_ || !queue_.empty(); };
      if (!untidy) {
        wake_.wait(lock, due);
      } else if (!wake_.wait_for(lock, limits_.tidy_after_ms, due)) {
        lock.unlock();
        untidy = !tidy();
        continue;
      }
      if (queue_.empty()) return;  // stopping
      while (!queue_.empty() && batch.size() < limits_.writes_per_commit_max) {
        batch.push_back(std::move(queue_.front()));
        queue_.pop_front();
      }
    }
    commit(batch);
    finish(batch);
    batch.clear();
    untidy = true;
  }
}

void CommitQueue::transact(const std::function<void()>& body) {
  connection_->execute("BEGIN IMMEDIATE");
  try {
    body();
    connection_->execute("COMMIT");
  } catch (...) {
    try {
      connection_->execute("ROLLBACK");
    } catch (const Error&) {  // SQLite has rolled back by itself already
    }
    throw;
  }
}

void CommitQueue::commit(std::vector<Item>& batch) {
  if (batch.size() == 1) return commit_alone(batch.front());
  try {
    transact([&] {
      for (auto& item : batch) item.work(*connection_);
    });
  } catch (const std::exception&) {
    // One of them may be at fault: each on its own, so that nobody fails for another's sake.
    for (auto& item : batch) commit_alone(item);
  }
}

void CommitQueue::commit_alone(Item& item) {
  try {
    transact([&] { item.work(*connection_); });
  } catch (const Error& e) {
    item.error = e;
  } catch (const std::exception& e) {
    item.error = Error(Code::internal, e.what());
  }
}

void CommitQueue::finish(std::vector<Item>& batch) {
  std::string trouble;
  for (const auto& item : batch) {
    if (!item.error || (item.error->code() != Code::unavailable && item.error->code() != Code::data_loss)) continue;
    failures_.add();
    trouble = item.error->what();
  }
  std::string before;
  {
    std::lock_guard lock(mutex_);
    before = std::exchange(trouble_, trouble);
  }
  if (!trouble.empty() && before.empty()) log::error("the state store cannot be written; no new run is accepted", {{"error", trouble}});
  if (trouble.empty() && !before.empty()) log::info("the state store can be written again");
  for (auto& item : batch) {
    if (item.done) item.done(item.error);
  }
}

/// Secrets of requests that are gone stand in the log file until it is cut: SQLite itself would leave them there until they are written
/// over.
/// False: somebody reads, and it has to be tried again.
bool CommitQueue::tidy() noexcept {
  bool whole = false;
  try {
    // Waits for readers, and writers would wait for it: only a moment.
    connection_->execute("PRAGMA busy_timeout = 20");
    auto answer = connection_->statement("PRAGMA wal_checkpoint(TRUNCATE)");
    whole = answer.step() && answer.integer(0) == 0;
  } catch (const std::exception& e) {
    log::debug("checkpoint put off", {{"error", e.what()}});
  }
  try {
    connection_->execute("PRAGMA busy_timeout = " + std::to_string(limits_.busy_timeout_ms.count()));
  } catch (const std::exception& e) {
    log::warn("the state store's time to wait could not be set back", {{"error", e.what()}});
  }
  return whole;
}

}  // namespace operon::jobs
