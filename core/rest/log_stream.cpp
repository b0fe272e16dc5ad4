#include "core/rest/log_stream.hpp"

namespace operon::rest {

namespace {

constexpr size_t after_drain_bytes_max = 1u << 20;  // what is told yet when the host stops: a run that never pauses would go on for ever
constexpr const char* stopping = "the host is stopping; the run goes on, follow its log again in a moment";

}  // namespace

LogStream::LogStream(const std::function<std::unique_ptr<jobs::LogReader>(std::function<void()> waker)>& open)
    : reader_(open([signal = signal_] { signal->raise(); })) {}

std::string LogStream::own_line(const std::string& text) const {
  return (at_line_start_ ? "" : "\n") + std::string("ERROR: ") + text + "\n";
}

http::StreamSource::Got LogStream::read(std::string& into, size_t max) {
  if (ended_) return Got::end;
  const size_t before = into.size();
  const auto got = reader_->read(into, max);
  if (into.size() > before) at_line_start_ = into.back() == '\n';
  switch (got) {
    case jobs::LogReader::Got::data:
      if (draining_) after_drain_bytes_ += into.size() - before;
      if (after_drain_bytes_ < after_drain_bytes_max) return Got::data;
      into += own_line(stopping);
      break;
    case jobs::LogReader::Got::wait:
      if (!draining_) return Got::wait;
      into += own_line(stopping);
      break;
    case jobs::LogReader::Got::end:
      break;
    case jobs::LogReader::Got::dropped:
      // The reader has written its own marker when it had one to write.
      if (into.size() == before) into += own_line("dropped: this follower took nothing for too long; follow again");
      break;
  }
  ended_ = true;
  return Got::end;
}

void LogStream::set_waker(std::function<void()> waker) {
  signal_->set(std::move(waker));
}

void LogStream::drain() {
  draining_ = true;
  signal_->raise();
}

std::string LogStream::dropped_marker() const {
  return own_line("dropped: this follower took nothing for too long; follow again");
}

}  // namespace operon::rest
