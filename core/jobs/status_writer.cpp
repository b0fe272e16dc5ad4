#include "core/jobs/status_writer.hpp"

#include "core/log/log.hpp"

namespace operon::jobs {
namespace {

/// It is the server that says no, or does not answer: no other write would fare better.
bool of_the_server(Code code) {
  return code == Code::unavailable || code == Code::deadline_exceeded || code == Code::unauthenticated || code == Code::permission_denied;
}

}  // namespace

StatusWriter::StatusWriter(unsigned threads, size_t queued_max, Write write)
    : queued_max_(queued_max),
      write_(std::move(write)),
      failures_(metrics::counter("operon_store_write_failures_total", "Writes of the state store that failed")) {
  for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { loop(); });
}

StatusWriter::~StatusWriter() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void StatusWriter::post(const std::string& id, StatusWrite write, RunStore::Written written) {
  {
    std::lock_guard lock(mutex_);
    const bool known = waiting_.count(id) != 0;
    if (known || (waiting_.size() < queued_max_ && !stopping_)) {
      Waiting& entry = waiting_[id];
      const bool queued = !entry.written.empty();
      if (write.record) {
        entry.write.record = std::move(write.record);
        entry.write.cleanup.reset();  // the record has it
      } else if (write.cleanup && entry.write.record) {
        entry.write.record->cleanup = *write.cleanup;
      } else {
        entry.write.cleanup = write.cleanup;
      }
      entry.write.drop_request = entry.write.drop_request || write.drop_request;
      entry.written.push_back(std::move(written));
      if (!queued && !entry.busy) {
        ready_.push_back(id);
        wake_.notify_one();
      }
      return;
    }
  }
  failures_.add();
  written(Error(Code::resource_exhausted, "the API server cannot keep up: the states of " + std::to_string(queued_max_) +
                                              " runs wait to be written (writes_queued_max)"));
}

std::string StatusWriter::trouble() const {
  std::lock_guard lock(mutex_);
  return trouble_;
}

void StatusWriter::loop() {
  for (;;) {
    std::string id;
    StatusWrite write;
    std::vector<RunStore::Written> written;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !ready_.empty(); });
      if (ready_.empty()) return;
      id = std::move(ready_.front());
      ready_.pop_front();
      Waiting& entry = waiting_[id];
      entry.busy = true;
      write = std::exchange(entry.write, {});
      written.swap(entry.written);
    }
    std::optional<Error> error;
    try {
      write_(id, write);
    } catch (const Error& e) {
      error = e;
    } catch (const std::exception& e) {
      error = Error(Code::internal, e.what());
    }
    finish(id, error);
    for (const auto& tell : written) {
      if (tell) tell(error);
    }
  }
}

void StatusWriter::finish(const std::string& id, const std::optional<Error>& error) {
  std::string before;
  {
    std::lock_guard lock(mutex_);
    Waiting& entry = waiting_[id];
    entry.busy = false;
    if (entry.written.empty()) {
      waiting_.erase(id);
    } else {
      ready_.push_back(id);
      wake_.notify_one();
    }
    before = std::exchange(trouble_, error && of_the_server(error->code()) ? error->what() : "");
  }
  if (error) {
    failures_.add();
    if (before.empty()) log::error("the state of a run cannot be written; it is tried again", {{"job_id", id}, {"error", error->what()}});
  } else if (!before.empty()) {
    log::info("states of runs can be written again");
  }
}

}  // namespace operon::jobs
