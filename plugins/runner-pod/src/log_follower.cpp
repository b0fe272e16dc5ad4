#include "log_follower.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace operon::runner_pod {

using std::chrono::milliseconds;

namespace {

constexpr milliseconds back_off_first{200}, back_off_max{10'000};
constexpr uint64_t remember_every_bytes = 4u << 20;  ///< nodes rotate at 10 MiB as a rule
constexpr unsigned failures_of_ended_max = 8;        ///< some 40 s
constexpr unsigned unread_of_ended_max = 3;          ///< some 3 s, like the next one
constexpr unsigned unread_told_at = 4;

}  // namespace

LogFollower::LogFollower(LogsCall call, const sdk::LogsRequest& request, std::optional<LogPlace> known, Means means)
    : call_(std::move(call)),
      job_(request.job_id),
      follow_(request.follow),
      means_(std::move(means)),
      lines_(request.offset, known),
      emitted_(request.offset),
      remembered_(known) {}

void LogFollower::begin() {
  call_.on_cancel([self = weak_from_this()] {
    if (const auto alive = self.lock()) alive->stop();
  });
}

void LogFollower::stop() {
  std::optional<sdk::Operation> operation;
  {
    const std::lock_guard lock(mutex_);
    state_ = State::ended;
    ++stream_;
    operation = std::exchange(operation_, std::nullopt);
    pending_.clear();
  }
  if (operation) operation->cancel();
  call_.fail(Error(Code::cancelled, "whoever asked has gone"));
}

bool LogFollower::pod_changed(const PodState& pod) {
  bool now = false;
  {
    const std::lock_guard lock(mutex_);
    if (state_ == State::ended) return true;
    const bool had_ended = pod_.ended() || pod_.container_ended;
    const bool ended = pod.ended() || pod.container_ended;
    if (state_ == State::waiting && (pod.container_began || ended || !follow_)) {
      now = true;
      // A container that never began has no log.
      if (!pod.container_began) {
        complete_ = true;
        state_ = State::pausing;
      }
    }
    if (state_ == State::pausing && ended && !had_ended && !complete_) now = true;
    pod_ = pod;
  }
  if (!now) return false;
  bool complete = false;
  {
    const std::lock_guard lock(mutex_);
    complete = complete_;
  }
  complete ? pump() : open();
  return false;
}

void LogFollower::open() {
  uint64_t stream = 0;
  std::string since;
  bool follow = false;
  {
    const std::lock_guard lock(mutex_);
    if (state_ == State::ended || state_ == State::streaming || complete_) return;
    state_ = State::streaming;
    stream = ++stream_;
    const bool whole = !follow_ || pod_.container_ended || pod_.ended();
    if (whole && !whole_) unread_ = 0;  // counted anew: what follow streams met says nothing about these
    whole_ = whole;
    follow = !whole_;
    lines_.begin_stream();
    since = lines_.since();
    began_at_ = lines_.offset();
  }
  const auto weak = weak_from_this();
  try {
    auto operation = means_.cluster.log(
        pod_name(job_), follow, since,
        [weak, stream](std::string_view bytes) {
          const auto self = weak.lock();
          return !self || self->take(bytes, stream);
        },
        [weak, stream](std::optional<Error> error) {
          if (const auto self = weak.lock()) self->stream_ended(std::move(error), stream);
        });
    bool resume = false;
    {
      const std::lock_guard lock(mutex_);
      if (stream_ == stream && state_ == State::streaming) {
        operation_ = operation;
        resume = !full_;
      }
    }
    if (resume) operation.resume();  // room may have come before there was anything to resume
  } catch (const Error& e) {
    stream_ended(e, stream);
  }
}

/// False: what came before has not been taken yet.
bool LogFollower::take(std::string_view bytes, uint64_t stream) {
  {
    const std::lock_guard lock(mutex_);
    if (stream != stream_) return true;
    if (!pending_.empty()) {
      full_ = true;
      return false;
    }
    std::vector<LogPiece> pieces;
    lines_.feed(bytes, pieces);
    if (!pieces.empty()) failures_ = unread_ = 0;
    std::move(pieces.begin(), pieces.end(), std::back_inserter(pending_));
  }
  pump();
  return true;
}

void LogFollower::stream_ended(std::optional<Error> error, uint64_t stream) {
  bool done = false;
  std::string unread_for_long;
  {
    const std::lock_guard lock(mutex_);
    if (stream != stream_ || state_ != State::streaming) return;
    state_ = State::pausing;
    operation_.reset();
    const bool unread = !error && lines_.unread();
    const bool ended = pod_.ended() || pod_.container_ended;
    // That a stream which began before the end could not be read on says nothing about the next one.
    const bool unread_to_the_end = unread && ended && whole_ && unread_ >= unread_of_ended_max;
    const bool gone = error ? error->code() == Code::not_found : lines_.container_gone() || unread_to_the_end;
    // API servers end a stream properly, too, when they lose the node in the middle of it: what a stream ends with is the log's end only if
    // it reached the place from which we went on, and brought nothing new.
    const bool short_of_place = !error && !unread && !lines_.caught_up();
    if (!error && !unread && !short_of_place) read_cleanly_ = true;
    if (unread && lines_.offset() != began_at_) read_cleanly_ = false;
    if (!error && !unread && whole_ && !short_of_place && lines_.offset() == began_at_) {
      complete_ = true;
    } else if (gone) {
      // Nothing can be read any more. What was read to a proper end before is all that there was.
      complete_ = true;
      if (failures_ > 0 || !read_cleanly_) {
        failure_ =
            unread_to_the_end ? Error(Code::unavailable, unread_for_good()) : Error(Code::not_found, "the pod's log is not there any more");
      }
    } else if (unread) {
      // More may have been written since than was read.
      if (!ended && unread_ >= unread_of_ended_max) read_cleanly_ = false;
      // No fault of the stream: either the pod's end is told in a moment, or the node reads it again.
      if (++unread_ == unread_told_at && !std::exchange(unread_told_, true)) unread_for_long = lines_.unread_words();
      if (unread_ > failures_of_ended_max && !follow_) {
        complete_ = true;
        failure_.emplace(Code::unavailable, unread_for_good());
      }
    } else if (error || short_of_place) {
      ++failures_;
      if ((pod_.ended() || !follow_) && failures_ > failures_of_ended_max) {
        complete_ = true;
        failure_ = error ? std::move(error) : Error(Code::data_loss, "the log ends before what was read of it");
      }
    } else {
      failures_ = unread_ = 0;
    }
    done = complete_;
  }
  if (!unread_for_long.empty()) means_.unread(unread_for_long);
  done ? pump() : pause();
}

std::string LogFollower::unread_for_good() const {
  return "the node cannot read the log of the container: " + lines_.unread_words();
}

/// The stream ended before the container, or so it seems: its end is told in a moment, or the stream goes on.
void LogFollower::pause() {
  milliseconds delay{0};
  {
    const std::lock_guard lock(mutex_);
    const bool ended = pod_.container_ended || pod_.ended() || !follow_;
    const unsigned attempts = std::max(failures_, unread_);
    if (attempts > 0 || !ended) delay = std::min(back_off_max, back_off_first * (1 << std::clamp(attempts, 2u, 8u)));
  }
  means_.later.after(delay, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->open();
  });
}

/// One thread at a time hands over; whoever comes meanwhile makes it look once more.
void LogFollower::pump() {
  {
    const std::lock_guard lock(mutex_);
    again_ = true;
    if (std::exchange(pumping_, true)) return;
  }
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (!std::exchange(again_, false)) {
        pumping_ = false;
        return;
      }
    }
    try {
      if (flush()) continue;
      call_.on_writable([weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->pump();
      });
    } catch (const Error& e) {
      finish(e);
    }
  }
}

/// False: the host is full.
bool LogFollower::flush() {
  for (;;) {
    LogPiece piece;
    {
      const std::lock_guard lock(mutex_);
      if (state_ == State::ended) return true;
      if (pending_.empty()) break;
      piece = std::move(pending_.front());
      pending_.front() = {};
    }
    bool taken = true;
    if (piece.unix_ms && piece.unix_ms != told_unix_ms_) {
      taken = call_.try_emit(sdk::Stream::event, sdk::dump(nlohmann::json(sdk::LogEvent{emitted_, piece.unix_ms})));
      if (taken) told_unix_ms_ = piece.unix_ms;
    }
    taken = taken && call_.try_emit(sdk::Stream::out, piece.bytes);
    const std::lock_guard lock(mutex_);
    if (state_ == State::ended) return true;
    if (!taken) {
      pending_.front() = std::move(piece);
      return false;
    }
    emitted_ += piece.bytes.size();
    pending_.pop_front();
  }
  std::optional<LogPlace> reached;
  std::optional<sdk::Operation> resume;
  bool complete = false;
  {
    const std::lock_guard lock(mutex_);
    const auto& place = lines_.place();
    if (place && (!remembered_ || place->offset >= remembered_->offset + remember_every_bytes)) reached = remembered_ = place;
    if (std::exchange(full_, false)) resume = operation_;
    complete = complete_ && pending_.empty();
  }
  if (reached) means_.reached(*reached);
  if (resume) resume->resume();
  if (complete) finish(std::nullopt);
  return true;
}

void LogFollower::finish(std::optional<Error> error) {
  std::optional<sdk::Operation> operation;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(state_, State::ended) == State::ended) return;
    ++stream_;
    operation = std::exchange(operation_, std::nullopt);
    if (!error) error = failure_;
  }
  if (operation) operation->cancel();
  if (error) return call_.fail(*error);
  sdk::LogsAnswer answer;
  answer.end_offset = emitted_;
  call_.reply(answer);
}

}  // namespace operon::runner_pod
