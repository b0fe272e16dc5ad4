#include "core/kube/watch.hpp"

#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>

#include "core/base/json.hpp"
#include "core/base/text.hpp"
#include "core/kube/line_splitter.hpp"
#include "core/kube/status.hpp"

namespace operon::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::string_view type_part = "{\"type\":\"", object_part = "\",\"object\":";

Error no_event(std::string_view line) {
  return Error(Code::data_loss, "the API server sent something that is no watch event: " + base::printable(line, 80));
}

/// The way every server writes it; absent = written in another way.
std::optional<std::pair<std::string_view, std::string_view>> split_plainly(std::string_view line) {
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
  if (!line.starts_with(type_part) || !line.ends_with('}')) return std::nullopt;
  const size_t end = line.find('"', type_part.size());
  if (end == std::string_view::npos || !line.substr(end).starts_with(object_part)) return std::nullopt;
  const auto object = line.substr(end + object_part.size());
  return std::pair(line.substr(type_part.size(), end - type_part.size()), object.substr(0, object.size() - 1));
}

}  // namespace

WatchEvent parse_watch_event(std::string_view line, const std::string& what) {
  const auto parts = split_plainly(line);
  if (!parts) throw no_event(line);
  const auto& [type, object] = *parts;
  if (type == "ADDED") return {WatchEvent::Kind::added, object};
  if (type == "MODIFIED") return {WatchEvent::Kind::modified, object};
  if (type == "DELETED") return {WatchEvent::Kind::deleted, object};
  if (type == "BOOKMARK") return {WatchEvent::Kind::bookmark, object};
  if (type == "ERROR") throw error_of_status(object, what);
  throw no_event(line);
}

/// Runs on the client's thread; `running` makes it stand still for whoever stops or destroys it.
struct Watch::State : std::enable_shared_from_this<Watch::State> {
  State(Client& c, Resource r, WatchOptions o, WatchTuning t, WatchHandler h)
      : client(c),
        resource(std::move(r)),
        options(std::move(o)),
        tuning(t),
        handler(std::move(h)),
        random(t.seed != 0 ? Random(t.seed) : Random()),
        backoff(t.backoff, random),
        what("watch " + resource.plural) {}

  void connect();
  bool take(std::string_view chunk);
  bool line(std::string_view);
  void ended(std::optional<Error>);
  void look_for_stall();
  void again_in(milliseconds);
  void halt();
  void give_up(const Error&);

  /// Runs `function` unless this watch has gone on to another connection or has stopped.
  template <class Function>
  void of(uint64_t connection, Function&& function) {
    std::lock_guard lock(running);
    if (connection == current) function();
  }

  Client& client;
  const Resource resource;
  WatchOptions options;  ///< resource_version is where to go on from
  const WatchTuning tuning;
  const WatchHandler handler;
  std::recursive_mutex running;  // of everything here
  uint64_t current = 0;          ///< of the connection; another one makes callbacks of older ones void
  Client::Id stream = 0, timer = 0;
  Random random;
  Backoff backoff;
  const std::string what;
  LineSplitter lines{0};
  steady_clock::time_point last_byte;
  std::optional<Error> broken;  ///< why we ended the connection ourselves
  bool anything = false;        ///< came over this connection
};

Watch::Watch(Client& client, Resource resource, WatchOptions options, WatchTuning tuning, WatchHandler handler)
    : state_(std::make_shared<State>(client, std::move(resource), std::move(options), tuning, std::move(handler))) {}

Watch::~Watch() {
  stop();
}

void Watch::start(std::string resource_version, bool initial_events) {
  std::lock_guard lock(state_->running);
  state_->halt();
  state_->options.resource_version = std::move(resource_version);
  state_->options.initial_events = initial_events;
  state_->again_in(milliseconds(0));
}

void Watch::stop() {
  std::lock_guard lock(state_->running);
  state_->halt();
}

void Watch::State::halt() {
  ++current;
  client.cancel(stream);
  client.cancel(timer);
  stream = timer = 0;
}

void Watch::State::again_in(milliseconds delay) {
  timer = client.after(delay, [self = shared_from_this(), connection = current] { self->of(connection, [&] { self->connect(); }); });
}

void Watch::State::connect() {
  WatchOptions now = options;
  const int64_t seconds = tuning.server_timeout.count();
  now.server_timeout = std::chrono::seconds(seconds + random.up_to(seconds));
  lines = LineSplitter(tuning.line_bytes_max);
  last_byte = steady_clock::now();
  broken.reset();
  anything = false;
  const uint64_t connection = ++current;
  StreamHandler streaming;
  auto self = shared_from_this();
  streaming.head = [self, connection](const Response&) {
    self->of(connection, [&] {
      self->last_byte = steady_clock::now();
      if (self->handler.state) self->handler.state(nullptr);
    });
  };
  streaming.chunk = [self, connection](std::string_view chunk) {
    self->of(connection, [&] { self->take(chunk); });
    return true;
  };
  streaming.done = [self, connection](std::optional<Error> error) { self->of(connection, [&] { self->ended(std::move(error)); }); };
  // Its end may come before stream() returns: then there is nothing to look after.
  const auto id = client.stream(watch_request(resource, now), std::move(streaming));
  if (id == 0 || connection != current) return;
  stream = id;
  look_for_stall();
}

void Watch::State::look_for_stall() {
  const auto silent = std::chrono::duration_cast<milliseconds>(steady_clock::now() - last_byte);
  if (silent >= tuning.stall) {
    broken = Error(Code::deadline_exceeded, what + ": not a byte for " + std::to_string(silent.count() / 1000) + " s; connecting anew");
    client.cancel(stream);
    return;
  }
  timer = client.after(tuning.stall - silent + milliseconds(1),
                       [self = shared_from_this(), connection = current] { self->of(connection, [&] { self->look_for_stall(); }); });
}

bool Watch::State::take(std::string_view chunk) {
  if (broken) return false;
  last_byte = steady_clock::now();
  const uint64_t connection = current;
  const bool whole = lines.feed(chunk, [&](std::string_view text) { return line(text) && connection == current; });
  if (whole || connection != current) return whole;
  if (!broken) {
    broken = Error(Code::resource_exhausted,
                   what + ": an event is larger than " + base::bytes_text(tuning.line_bytes_max) + " (line_bytes_max)");
  }
  client.cancel(stream);
  return false;
}

bool Watch::State::line(std::string_view text) {
  try {
    const auto event = parse_watch_event(text, what);
    anything = true;
    backoff.reset();
    std::string version = handler.event(event);
    if (!version.empty()) {
      options.resource_version = std::move(version);
      options.initial_events = false;  // the list is whole: from here on it is an ordinary watch
    }
    return true;
  } catch (const Error& e) {
    if (is_expired(e)) {
      give_up(e);
    } else {
      broken = e;
    }
    return false;
  }
}

void Watch::State::give_up(const Error& error) {
  halt();
  if (handler.state) handler.state(&error);
  handler.gone(error);
}

void Watch::State::ended(std::optional<Error> error) {
  client.cancel(timer);
  stream = timer = 0;
  if (broken) error = std::move(broken);
  broken.reset();
  if (!error) {  // the server's time is up, or it restarts: go on at once where we were, the first time
    again_in(anything ? milliseconds(random.up_to(50)) : backoff.next());
    return;
  }
  const bool unknown_parameter =
      options.initial_events && (error->code() == Code::failed_precondition || error->code() == Code::invalid_argument);
  if (is_expired(*error)) return give_up(*error);
  if (unknown_parameter) {  // an older server: no trouble, another way
    halt();
    return handler.gone(*error);
  }
  const uint64_t connection = current;
  if (handler.state) handler.state(&*error);
  if (connection != current) return;
  // A streaming list that broke off begins anew: what it had told is told again.
  again_in(backoff.next(error->retry_after_ms()));
}

}  // namespace operon::kube
