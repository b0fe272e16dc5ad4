#include "core/rest/event_stream.hpp"

#include "core/base/clock.hpp"

namespace operon::rest {

namespace {

constexpr const char* retry_line = "retry: 2000\n\n";

void append(std::string& into, uint64_t id, const char* event, std::string_view data) {
  into += "id: " + std::to_string(id) + "\nevent: " + event + "\ndata: ";
  into += data;
  into += "\n\n";
}

}  // namespace

EventStream::EventStream(jobs::Jobs& table, base::Clock& clock, const EventStreamOptions& options)
    : table_(table), clock_(clock), options_(options), last_sent_(clock.steady()) {
  // Subscribed before the first look, so that nothing falls between.
  subscription_ = table_.subscribe([signal = signal_] { signal->raise(); });
  revision_ = options_.after.value_or(table_.revision());
}

void EventStream::open(std::string& into) {
  opened_ = true;
  into += retry_line;
  const uint64_t now = table_.revision();
  if (options_.after && *options_.after > now) {
    // The client saw events of another history (a restored or emptied state directory).
    revision_ = now;
    append(into, now, "reset",
           "{\"revision\":" + std::to_string(now) + ",\"message\":\"that event is not known here: list the jobs again\"}");
    return;
  }
  if (!options_.after) append(into, revision_, "hello", "{\"revision\":" + std::to_string(revision_) + "}");
}

/// True when it appended something.
bool EventStream::append_events(std::string& into, size_t max) {
  const size_t before = into.size();
  while (into.size() - before < max) {
    const auto events = table_.events_after(revision_, options_.events_at_once_max);
    if (!events) {
      revision_ = table_.revision();
      append(
          into, revision_, "reset",
          "{\"revision\":" + std::to_string(revision_) + ",\"message\":\"events in between are not kept any more: list the jobs again\"}");
      return true;
    }
    if (events->empty()) break;
    for (const auto& event : *events) {
      if (into.size() - before >= max) return true;
      append(into, event.revision, "job", *event.job_json);
      revision_ = event.revision;
    }
  }
  return into.size() > before;
}

http::StreamSource::Got EventStream::read(std::string& into, size_t max) {
  if (ended_) return Got::end;
  const size_t before = into.size();
  if (!opened_) open(into);
  append_events(into, max);
  const auto now = clock_.steady();
  if (into.size() == before && draining_) {
    append(into, revision_, "stop", R"({"message":"the host is stopping; connect again in a moment"})");
    ended_ = true;
    return Got::end;
  }
  if (into.size() == before && now - last_sent_ >= options_.heartbeat) into += ": alive\n\n";
  if (into.size() == before) return Got::wait;
  last_sent_ = now;
  return Got::data;
}

void EventStream::set_waker(std::function<void()> waker) {
  signal_->set(std::move(waker));
}

void EventStream::drain() {
  draining_ = true;
  signal_->raise();
}

}  // namespace operon::rest
