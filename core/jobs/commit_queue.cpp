#include "core/jobs/commit_queue.hpp"

#include <future>

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

CommitQueue::CommitQueue(std::unique_ptr<Committer> committer, const QueueLimits& limits)
    : committer_(std::move(committer)),
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
  std::vector<Item> batch;
  for (;;) {
    const auto pause = committer_->rest_after();
    {
      std::unique_lock lock(mutex_);
      const auto due = [this] { return stopping_ || !queue_.empty(); };
      if (!pause) {
        wake_.wait(lock, due);
      } else if (!wake_.wait_for(lock, *pause, due)) {
        lock.unlock();
        rest();
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
  }
}

void CommitQueue::commit(std::vector<Item>& batch) {
  if (batch.size() == 1) return commit_alone(batch.front());
  try {
    committer_->transact([&] {
      for (auto& item : batch) item.work();
    });
  } catch (const std::exception&) {
    // One of them may be at fault: each on its own, so that nobody fails for another's sake.
    for (auto& item : batch) commit_alone(item);
  }
}

void CommitQueue::commit_alone(Item& item) {
  try {
    committer_->transact(item.work);
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
  tell(std::move(trouble));
  for (auto& item : batch) {
    if (item.done) item.done(item.error);
  }
}

void CommitQueue::rest() noexcept {
  try {
    if (auto trouble = committer_->rest()) tell(std::move(*trouble));
  } catch (const std::exception& e) {
    log::warn("the state store could not be looked after", {{"error", e.what()}});
  }
}

void CommitQueue::tell(std::string trouble) {
  std::string before;
  {
    std::lock_guard lock(mutex_);
    before = std::exchange(trouble_, trouble);
  }
  if (!trouble.empty() && before.empty()) log::error("the state store cannot be written; no new run is accepted", {{"error", trouble}});
  if (trouble.empty() && !before.empty()) log::info("the state store can be written again");
}

}  // namespace operon::jobs
