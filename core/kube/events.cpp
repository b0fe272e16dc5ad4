#include "core/kube/events.hpp"

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

#include "core/base/clock.hpp"
#include "core/base/ids.hpp"
#include "core/base/scrubber.hpp"
#include "core/base/text.hpp"
#include "core/kube/resource.hpp"
#include "core/kube/retry.hpp"
#include "core/kube/status.hpp"
#include "core/log/log.hpp"
#include "core/metrics/metrics.hpp"

namespace operon::kube {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

constexpr size_t note_bytes_max = 1'024, reason_bytes_max = 128;
constexpr milliseconds write_timeout{20'000};
const Resource events{"events.k8s.io", "v1", "events"};

std::string micro_time(int64_t unix_ms) {
  std::string text = base::rfc3339_ms(unix_ms);
  text.insert(text.size() - 1, "000");
  return text;
}

/// Cut where a character begins.
std::string cut(std::string text, size_t max) {
  if (text.size() <= max) return text;
  while (max > 0 && (static_cast<unsigned char>(text[max]) & 0xc0) == 0x80) --max;
  text.resize(max);
  return text;
}

std::string series_key(const Event& event) {
  std::string key;
  for (const auto* part : {&event.regarding.uid, &event.regarding.kind, &event.regarding.name_space, &event.regarding.name, &event.reason,
                           &event.action, &event.note}) {
    key += *part;
    key += '\0';
  }
  return key;
}

}  // namespace

/// Series that are known, and those that have something to be written. One request at a time.
struct EventRecorder::State : std::enable_shared_from_this<EventRecorder::State> {
  State(Client& c, std::string who, std::string where, milliseconds p)
      : client(c), controller(std::move(who)), instance(std::move(where)), period(p) {}

  struct Series {
    Event event;
    std::string name, name_space;
    int64_t first_unix_ms = 0, last_unix_ms = 0;
    int count = 0;
    bool created = false, waiting = false;
  };

  void write_next();  // with the lock held
  void written(const std::string& key, Outcome);
  Request request_of(Series&) const;
  json object_of(const Series&) const;

  Client& client;
  const std::string controller, instance;
  const milliseconds period;
  const metrics::Counter dropped =
      metrics::counter("operon_kube_events_dropped_total", "Events that were not written because too many waited or the API refused them");

  std::mutex mutex;  // of what follows
  std::condition_variable idle;
  std::map<std::string, Series> known;
  std::deque<std::string> waiting, age;
  bool writing = false, stopped = false;
};

EventRecorder::EventRecorder(Client& client, std::string controller, std::string instance, milliseconds series_period)
    : state_(std::make_shared<State>(client, std::move(controller), cut(std::move(instance), 128), series_period)) {}

EventRecorder::~EventRecorder() {
  std::lock_guard lock(state_->mutex);
  state_->stopped = true;
  state_->waiting.clear();
}

void EventRecorder::record(Event event) {
  State& self = *state_;
  event.note = cut(base::scrub(event.note), note_bytes_max);
  event.reason = cut(event.reason, reason_bytes_max);
  event.action = cut(event.action.empty() ? event.reason : event.action, reason_bytes_max);
  const std::string key = series_key(event);
  const int64_t now = base::system_clock().unix_ms();
  std::lock_guard lock(self.mutex);
  if (self.stopped) return;
  auto found = self.known.find(key);
  if (found == self.known.end()) {
    if (self.waiting.size() >= waiting_max) return self.dropped.add();
    if (self.age.size() >= remembered_max) {
      self.known.erase(self.age.front());
      self.age.pop_front();
    }
    State::Series series;
    series.name_space = event.regarding.name_space.empty() ? "default" : event.regarding.name_space;
    series.name = cut(event.regarding.name, 230) + "." + base::random_hex(8);
    series.event = std::move(event);
    series.first_unix_ms = now;
    found = self.known.emplace(key, std::move(series)).first;
    self.age.push_back(key);
  }
  auto& series = found->second;
  ++series.count;
  series.last_unix_ms = now;
  if (series.waiting) return;
  series.waiting = true;
  if (!series.created) {
    self.waiting.push_back(key);
    return self.write_next();
  }
  self.client.after(self.period, [weak = state_->weak_from_this(), key] {
    const auto alive = weak.lock();
    if (!alive) return;
    std::lock_guard again(alive->mutex);
    if (alive->stopped) return;
    alive->waiting.push_back(key);
    alive->write_next();
  });
}

json EventRecorder::State::object_of(const Series& series) const {
  const auto& about = series.event.regarding;
  json regarding{{"apiVersion", about.api_version}, {"kind", about.kind}, {"name", about.name}};
  if (!about.name_space.empty()) regarding["namespace"] = about.name_space;
  if (!about.uid.empty()) regarding["uid"] = about.uid;
  json object{{"apiVersion", "events.k8s.io/v1"},
              {"kind", "Event"},
              {"metadata", {{"name", series.name}, {"namespace", series.name_space}}},
              {"eventTime", micro_time(series.first_unix_ms)},
              {"reportingController", controller},
              {"reportingInstance", instance},
              {"reason", series.event.reason},
              {"action", series.event.action},
              {"note", series.event.note},
              {"type", series.event.warning ? "Warning" : "Normal"},
              {"regarding", std::move(regarding)}};
  if (series.count > 1) object["series"] = {{"count", series.count}, {"lastObservedTime", micro_time(series.last_unix_ms)}};
  return object;
}

Request EventRecorder::State::request_of(Series& series) const {
  Request request;
  request.timeout = write_timeout;
  if (!series.created) {
    request.method = "POST";
    request.path = events.path(series.name_space);
    request.body = object_of(series).dump();
    return request;
  }
  request.method = "PATCH";
  request.path = events.path(series.name_space, series.name);
  request.content_type = "application/merge-patch+json";
  request.body = json{{"series", {{"count", series.count}, {"lastObservedTime", micro_time(series.last_unix_ms)}}}}.dump();
  return request;
}

void EventRecorder::State::write_next() {
  if (writing || stopped) return;
  while (!waiting.empty() && !known.contains(waiting.front())) waiting.pop_front();  // forgotten meanwhile
  if (waiting.empty()) {
    idle.notify_all();
    return;
  }
  const std::string key = std::move(waiting.front());
  waiting.pop_front();
  auto& series = known.at(key);
  series.waiting = false;
  writing = true;
  Request request;
  try {
    request = request_of(series);
  } catch (const Error& e) {  // a name that cannot be one
    writing = false;
    dropped.add();
    log::debug("an Event cannot be written", {{"error", e.what()}});
    return write_next();
  }
  // From the client's thread: an answer that comes at once must not meet the lock held.
  client.after(milliseconds(0), [self = shared_from_this(), key, request = std::move(request)]() mutable {
    send(self->client, std::move(request), {.repeat = Repeat::safe, .attempts_max = 4},
         [self, key](Outcome outcome) { self->written(key, std::move(outcome)); });
  });
}

void EventRecorder::State::written(const std::string& key, Outcome outcome) {
  std::lock_guard lock(mutex);
  writing = false;
  const auto* response = std::get_if<Response>(&outcome.result);
  const int status = response ? response->status : 0;
  if (const auto found = known.find(key); found != known.end()) {
    const bool lost_and_found = status == 409 && outcome.maybe_done_before;
    if (status / 100 == 2 || lost_and_found) {
      found->second.created = true;
    } else {
      // Too old and collected by the server, refused, or not reached: the next one begins a series of its own.
      dropped.add();
      if (response) log::debug("an Event was refused", {{"error", error_of(*response, "create events").what()}});
      std::erase(age, key);
      known.erase(found);
    }
  }
  write_next();
  if (!writing && waiting.empty()) idle.notify_all();
}

bool EventRecorder::flush(milliseconds timeout) {
  std::unique_lock lock(state_->mutex);
  return state_->idle.wait_for(lock, timeout, [&] { return !state_->writing && state_->waiting.empty(); });
}

}  // namespace operon::kube
