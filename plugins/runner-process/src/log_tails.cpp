#include "log_tails.hpp"

#include <atomic>
#include <utility>

#include "log_reader.hpp"

namespace operon::runner_process {

constexpr unsigned pieces_per_turn_max = 16;  ///< then the next follower has its turn

namespace {
/// How a callback of the host finds its way back, also after everything here is gone.
struct Gate {
  std::mutex mutex;
  std::function<void()> queue;
};
}  // namespace

struct LogTails::Tail {
  Tail(LogsCall c, const sdk::LogsRequest& request, const std::filesystem::path& folder)
      : call(std::move(c)), job(request.job_id), follow(request.follow), reader(folder, request.offset), expected(request.offset) {}

  LogsCall call;
  const std::string job;
  const bool follow;
  LogReader reader;
  uint64_t expected;                    ///< offset that the reader of the stream counts with
  std::optional<int64_t> told_unix_ms;  ///< the time told last
  bool queued = false;                  ///< guarded by LogTails::mutex_
  bool done = false;                    ///< the same
  std::atomic<bool> new_segment{true};
  std::atomic<bool> waiting_writable{false};  ///< the host calls back when there is room; until then a turn would be for nothing
  std::shared_ptr<Gate> gate = std::make_shared<Gate>();
};

LogTails::LogTails(Source source) : source_(std::move(source)), buffer_(sdk::chunk_bytes_max), thread_([this] { loop(); }) {}

LogTails::~LogTails() {
  stop();
}

void LogTails::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  std::unordered_multimap<std::string, std::shared_ptr<Tail>> left;
  {
    const std::lock_guard lock(mutex_);
    left.swap(tails_);
    ready_.clear();
  }
  for (const auto& [job, tail] : left) {
    {
      const std::lock_guard lock(tail->gate->mutex);
      tail->gate->queue = nullptr;
    }
    tail->call.fail(Error(Code::cancelled, "the runner is stopping"));
  }
}

void LogTails::add(const LogsCall& call, const sdk::LogsRequest& request, const std::filesystem::path& folder) {
  auto tail = std::make_shared<Tail>(call, request, folder);
  tail->gate->queue = [this, weak = std::weak_ptr<Tail>(tail)] {
    if (const auto strong = weak.lock()) {
      strong->waiting_writable = false;
      queue(strong);
    }
  };
  source_.follow(tail->job, true);  // before the first read: what is written after it wakes us
  {
    const std::lock_guard lock(mutex_);
    tails_.emplace(tail->job, tail);
  }
  try {
    call.on_cancel([gate = tail->gate] {
      const std::lock_guard lock(gate->mutex);
      if (gate->queue) gate->queue();
    });
  } catch (...) {
    drop(tail);
    throw;
  }
  queue(tail);
}

void LogTails::wake(const std::string& job, bool new_segment) {
  std::vector<std::shared_ptr<Tail>> woken;
  {
    const std::lock_guard lock(mutex_);
    const auto [first, last] = tails_.equal_range(job);
    for (auto it = first; it != last; ++it) woken.push_back(it->second);
  }
  for (const auto& tail : woken) {
    if (new_segment) tail->new_segment = true;
    if (!tail->waiting_writable) queue(tail);
  }
}

void LogTails::queue(const std::shared_ptr<Tail>& tail) {
  {
    const std::lock_guard lock(mutex_);
    if (tail->queued || tail->done) return;
    tail->queued = true;
    ready_.push_back(tail);
  }
  wake_.notify_one();
}

void LogTails::loop() {
  for (;;) {
    std::shared_ptr<Tail> tail;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stopping_ || !ready_.empty(); });
      if (stopping_) return;
      tail = std::move(ready_.front());
      ready_.pop_front();
      tail->queued = false;
    }
    serve(tail);
  }
}

void LogTails::serve(const std::shared_ptr<Tail>& tail) {
  auto turn = Turn::over;
  tail->call.guard([&] {
    if (tail->call.cancelled()) throw Error(Code::cancelled, "whoever asked has gone");
    turn = tail->waiting_writable ? Turn::idle : pump(*tail);
  });
  if (turn == Turn::over) return drop(tail);
  if (turn == Turn::idle) return;
  tail->waiting_writable = true;  // not before: who wakes us while we still emit would wake nobody
  try {
    tail->call.on_writable([gate = tail->gate] {
      const std::lock_guard lock(gate->mutex);
      if (gate->queue) gate->queue();
    });
  } catch (const Error& e) {
    tail->call.fail(e);
    drop(tail);
  }
}

void LogTails::drop(const std::shared_ptr<Tail>& tail) {
  {
    const std::lock_guard lock(tail->gate->mutex);
    tail->gate->queue = nullptr;
  }
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(tail->done, true)) return;  // it was queued again while its last turn went on
    const auto [first, last] = tails_.equal_range(tail->job);
    for (auto it = first; it != last; ++it) {
      if (it->second != tail) continue;
      tails_.erase(it);
      break;
    }
  }
  source_.follow(tail->job, false);
}

/// One turn. Asks for the run's end before it reads: what comes after the end was there before.
LogTails::Turn LogTails::pump(Tail& tail) {
  const auto log_end = source_.log_end(tail.job);
  for (unsigned i = 0; i < pieces_per_turn_max; ++i) {
    const bool look = tail.new_segment.exchange(false) || log_end.has_value() || !tail.follow;
    const auto piece = tail.reader.read(buffer_.data(), buffer_.size(), look);
    if (piece.size > 0) {
      if (look) tail.new_segment = true;
      if (!emit_piece(tail, buffer_.data(), piece.size, piece.unix_ms)) return Turn::full;
      continue;
    }
    if (!log_end && tail.follow) return Turn::idle;
    const uint64_t end = log_end.value_or(tail.expected);
    if (end > tail.expected) {  // the last bytes could not be stored
      if (!tail.call.try_emit(sdk::Stream::event, sdk::dump(nlohmann::json(sdk::LogEvent{end, std::nullopt})))) return Turn::full;
      tail.expected = end;
    }
    sdk::LogsAnswer answer;
    answer.end_offset = tail.expected;
    tail.call.reply(answer);
    return Turn::over;
  }
  // There is more: at the end of the queue, behind those who wait.
  const std::lock_guard lock(mutex_);
  if (!tail.queued && !tail.done) {
    const auto [first, last] = tails_.equal_range(tail.job);
    for (auto it = first; it != last; ++it) {
      if (it->second.get() != &tail) continue;
      tail.queued = true;
      ready_.push_back(it->second);
    }
  }
  return Turn::idle;
}

/// False when the host is full; the same piece is read again later.
bool LogTails::emit_piece(Tail& tail, const char* bytes, size_t size, std::optional<int64_t> unix_ms) {
  const bool gap = tail.reader.offset() != tail.expected;
  if (gap || (unix_ms && unix_ms != tail.told_unix_ms)) {
    const sdk::LogEvent event{tail.reader.offset(), unix_ms};
    if (!tail.call.try_emit(sdk::Stream::event, sdk::dump(nlohmann::json(event)))) return false;
    tail.told_unix_ms = unix_ms;
    tail.expected = tail.reader.offset();
  }
  if (!tail.call.try_emit(sdk::Stream::out, {bytes, size})) return false;
  tail.reader.advance(size);
  tail.expected = tail.reader.offset();
  return true;
}

}  // namespace operon::runner_process
