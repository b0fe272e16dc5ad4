#include "core/jobs/log_upstream.hpp"

#include "core/base/json.hpp"
#include "core/jobs/runner_client.hpp"
#include "core/log/log.hpp"
#include "core/plugin/instance.hpp"
#include "operon/call.h"
#include "operon/kinds/job_runner_json.hpp"

namespace operon::jobs {

namespace kind = kinds::job_runner;

/// Belongs to one call; what comes after the log went on to another is dropped.
class UpstreamObserver final : public plugin::CallObserver {
 public:
  UpstreamObserver(std::shared_ptr<LiveLog> live, uint64_t call) : live_(std::move(live)), call_(call) {}
  bool on_chunk(uint32_t stream, std::string_view data) noexcept override {
    try {
      return live_->take(stream, data, call_);
    } catch (const std::exception& e) {
      log::warn("a chunk of a log could not be taken", {{"job_id", live_->id()}, {"error", e.what()}});
      return true;
    }
  }
  void on_end(plugin::Outcome outcome) noexcept override { live_->call_ended(std::move(outcome), call_); }

 private:
  const std::shared_ptr<LiveLog> live_;
  const uint64_t call_;
};

LiveLog::LiveLog(std::string id, LogPaths paths, const LogLimits& limits, const Runners& runners, const UpstreamTiming& timing,
                 std::function<void()> attention)
    : id_(std::move(id)),
      runners_(runners),
      timing_(timing),
      attention_(std::move(attention)),
      bytes_(metrics::counter("operon_log_bytes_total", "Bytes of runs' logs that were read from runners")),
      spool_(std::move(paths), limits),
      back_off_ms_(timing.back_off_first_ms) {}

void LiveLog::begin(const std::string& runner, const std::optional<kind::Handle>& handle) {
  {
    std::lock_guard lock(mutex_);
    if (begun_ || stopped_ || finished_) return;
    begun_ = true;
    runner_ = runner;
    handle_ = handle;
  }
  open_call();
}

bool LiveLog::begun() const {
  std::lock_guard lock(mutex_);
  return begun_;
}

std::function<void()> LiveLog::take_done() {
  std::lock_guard lock(mutex_);
  return std::exchange(done_, nullptr);
}

void LiveLog::end(std::function<void()> done) {
  {
    std::lock_guard lock(mutex_);
    if (!ended_) ended_ms_ = monotonic_ms();
    ended_ = true;
    done_ = std::move(done);
    if (state_ == State::waiting && !read_all_) again_ms_ = 0;
  }
  attention_();
}

void LiveLog::stop() {
  plugin::CallHandle call;
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    ++call_;
    call = std::exchange(handle_of_call_, {});
  }
  call.cancel();
}

void LiveLog::open_call() {
  kind::LogsRequest request;
  uint64_t call = 0;
  std::string runner;
  try {
    spool_.open();
  } catch (const Error& e) {
    return call_failed(e.what());
  }
  {
    std::lock_guard lock(mutex_);
    if (stopped_ || finished_) return;
    state_ = State::reading;
    read_all_ = paused_ = cancelled_ = false;
    expected_ = spool_.end();
    unix_ms_.reset();
    call = ++call_;
    runner = runner_;
    request = {id_, handle_, expected_, true};
  }
  auto instance = runners_.find(runner);
  if (!instance) return call_failed("runner '" + runner + "' is not ready");
  try {
    // Not under the lock: a runner may answer before this returns.
    auto handle = RunnerClient(std::move(instance)).logs(request, std::make_shared<UpstreamObserver>(shared_from_this(), call));
    std::lock_guard lock(mutex_);
    if (call_ == call && state_ == State::reading) handle_of_call_ = handle;
  } catch (const Error& e) {
    call_failed(e.what());
  }
}

void LiveLog::call_failed(const std::string& why) {
  std::lock_guard lock(mutex_);
  log::debug("a log cannot be read; trying again", {{"job_id", id_}, {"error", why}});
  state_ = State::waiting;
  ++call_;
  again_ms_ = monotonic_ms() + back_off_ms_;
  back_off_ms_ = std::min(back_off_ms_ * 2, timing_.back_off_max_ms);
}

bool LiveLog::take(uint32_t stream, std::string_view data, uint64_t call) {
  {
    std::lock_guard lock(mutex_);
    if (call != call_ || stopped_ || cancelled_) return true;
  }
  if (stream == OPERON_STREAM_EVENT) return event(data);
  if (stream != OPERON_STREAM_STDOUT && stream != OPERON_STREAM_STDERR) return true;
  // Bytes that are there already (the runner began earlier than asked) are passed over.
  const uint64_t end = spool_.end();
  const size_t known = expected_ < end ? static_cast<size_t>(std::min<uint64_t>(end - expected_, data.size())) : 0;
  if (known < data.size() && !spool_.append(data.substr(known), unix_ms_)) {
    std::lock_guard lock(mutex_);
    paused_ = true;
    return false;
  }
  expected_ += data.size();
  took_ms_.store(monotonic_ms(), std::memory_order_relaxed);
  bytes_.add(static_cast<double>(data.size()));
  if (!spool_.cut()) return true;
  plugin::CallHandle cancel;
  {
    std::lock_guard lock(mutex_);
    cancelled_ = true;
    cancel = handle_of_call_;
  }
  cancel.cancel();  // may end the call on this very thread
  return true;
}

bool LiveLog::event(std::string_view text) {
  const auto event = base::parse_json(text).get<kind::LogEvent>();
  if (event.offset) {
    if (*event.offset > spool_.end() && !spool_.skip_to(*event.offset)) {
      std::lock_guard lock(mutex_);
      paused_ = true;
      return false;
    }
    expected_ = *event.offset;
  }
  unix_ms_ = event.unix_ms;
  return true;
}

void LiveLog::call_ended(plugin::Outcome outcome, uint64_t call) {
  {
    std::lock_guard lock(mutex_);
    if (call != call_) return;
    handle_of_call_ = {};
    state_ = State::waiting;
    ++call_;
    read_all_ = outcome.code == Code::ok || spool_.cut();
    gone_ = outcome.code == Code::not_found;
    if (read_all_) {
      back_off_ms_ = timing_.back_off_first_ms;
      again_ms_ = monotonic_ms() + timing_.reread_ms;
    } else {
      again_ms_ = monotonic_ms() + back_off_ms_;
      back_off_ms_ = std::min(back_off_ms_ * 2, timing_.back_off_max_ms);
    }
  }
  if (outcome.code != Code::ok) {
    log::debug("a log's reading ended early", {{"job_id", id_}, {"error", outcome.error ? outcome.error->what() : "no reason given"}});
  }
  attention_();
}

bool LiveLog::tend(int64_t now) {
  bool open = false, finish = false, incomplete = false;
  plugin::CallHandle resume, cancel;
  {
    std::lock_guard lock(mutex_);
    if (finished_ || stopped_) return false;
    // A long log that is still coming is read to its end, however long ago the run has ended.
    const bool still_coming = now - ended_ms_ <= timing_.end_most_ms;
    const int64_t since_end = !ended_ ? 0 : now - (still_coming ? std::max(ended_ms_, took_ms_.load()) : ended_ms_);
    if (state_ == State::reading) {
      if (paused_) {
        paused_ = false;
        resume = handle_of_call_;
      }
      if (ended_ && since_end > timing_.end_drain_ms && !cancelled_) {
        cancelled_ = true;
        cancel = handle_of_call_;
      }
      // Cancelled and still not ended: the runner does not listen. Its call is left behind.
      finish = incomplete = ended_ && since_end > 2 * timing_.end_drain_ms && !paused_ && spool_.trouble().empty();
    } else if (!begun_) {
      finish = ended_;
    } else if (ended_ && read_all_) {
      finish = true;
    } else if (ended_ && (gone_ || since_end > timing_.end_retry_ms)) {
      finish = true;
      incomplete = !gone_ || spool_.end() > 0;  // a run that never started has no log, and nothing is missing
    } else {
      open = now >= again_ms_ && !spool_.cut();
    }
    if (finish) {
      finished_ = true;
      ++call_;
    }
  }
  cancel.cancel();
  resume.writable();
  if (open) open_call();
  if (finish) spool_.finish(incomplete);
  return finish;
}

}  // namespace operon::jobs
