#include "core/kube/informer.hpp"

#include <malloc.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <nlohmann/json.hpp>

#include "core/kube/line_splitter.hpp"
#include "core/kube/retry.hpp"
#include "core/kube/status.hpp"
#include "core/log/log.hpp"

namespace operon::kube {
namespace {

using std::chrono::milliseconds;

/// A streaming list that shows nothing for this long comes from a server that does not know how to end one.
constexpr milliseconds list_silence_ms_max{15'000};
constexpr milliseconds list_timeout{60'000};

std::string padded(const nlohmann::json& object) {
  std::string text = object.dump();
  text.reserve(text.size() + LineSplitter::padding);
  return text;
}

}  // namespace

/// Lists and watches on the client's thread; read from any.
struct Informer::State : std::enable_shared_from_this<Informer::State> {
  State(Client& c, Resource r, InformerOptions o)
      : client(c), resource(std::move(r)), options(std::move(o)), written_parser(options.trim), parser(options.trim) {}

  void make_watch();
  void relist();
  void list_page();
  void page_came(Result);
  void list_failed(const Error&);
  void list_done(const std::string& version);
  std::string event(const WatchEvent&);
  std::string bookmark(std::string_view json);
  void gone(const Error&);
  void silence();
  void changed(std::optional<Change>);
  void written(std::string_view text);
  void tell();
  void trouble_is(const Error*);
  void later(milliseconds, void (State::*)());

  Client& client;
  const Resource resource;
  const InformerOptions options;
  std::vector<Handler> handlers;
  Skipped skipped;

  mutable std::mutex mutex;  // of what follows; never held while a handler runs
  mutable std::condition_variable moved;
  ObjectCache cache;
  std::deque<Change> untold;
  bool synced = false;
  std::string trouble;
  ObjectParser written_parser;

  // The client's thread's own, under `running`, which makes it stand still for the end.
  std::recursive_mutex running;
  bool stopped = false;
  ObjectParser parser;
  std::unique_ptr<Watch> watch;
  ListOptions list;
  bool streaming_refused = false, in_streaming_list = false, telling = false;
  unsigned events_in_list = 0, events_at_last_look = 0;
  Backoff backoff;
};

Informer::Informer(Client& client, Resource resource, InformerOptions options)
    : state_(std::make_shared<State>(client, std::move(resource), std::move(options))) {}

Informer::~Informer() {
  std::unique_ptr<Watch> watch;
  {
    std::lock_guard lock(state_->running);
    state_->stopped = true;
    watch = std::move(state_->watch);
  }
}

void Informer::on_change(Handler handler) {
  state_->handlers.push_back(std::move(handler));
}
void Informer::on_skipped(Skipped skipped) {
  state_->skipped = std::move(skipped);
}

void Informer::start() {
  state_->make_watch();
  state_->later(milliseconds(0), &State::relist);
}

void Informer::State::later(milliseconds delay, void (State::*what)()) {
  client.after(delay, [weak = weak_from_this(), what] {
    const auto self = weak.lock();
    if (!self) return;
    std::lock_guard lock(self->running);
    if (!self->stopped) (self.get()->*what)();
  });
}

void Informer::State::make_watch() {
  WatchOptions watched;
  watched.name_space = options.name_space;
  watched.label_selector = options.label_selector;
  watched.field_selector = options.field_selector;
  WatchHandler handler;
  const auto weak = weak_from_this();
  const auto with = [weak](auto function) {
    const auto self = weak.lock();
    if (!self) return;
    std::lock_guard lock(self->running);
    if (!self->stopped) function(*self);
  };
  handler.event = [with](const WatchEvent& e) {
    std::string version;
    with([&](State& self) { version = self.event(e); });
    return version;
  };
  handler.gone = [with](const Error& e) { with([&](State& self) { self.gone(e); }); };
  handler.state = [with](const Error* e) { with([&](State& self) { self.trouble_is(e); }); };
  watch = std::make_unique<Watch>(client, resource, watched, options.watch, std::move(handler));
}

void Informer::State::trouble_is(const Error* error) {
  std::lock_guard lock(mutex);
  if (error && trouble.empty())
    log::warn("a cache is out of step with the API server", {{"resource", resource.plural}, {"error", error->what()}});
  trouble = error ? error->what() : "";
  // A streaming list that broke off is told from its beginning.
  if (error && in_streaming_list) cache.begin_list();
}

void Informer::State::relist() {
  {
    std::lock_guard lock(mutex);
    cache.begin_list();
  }
  if (options.streaming_list && !streaming_refused) {
    in_streaming_list = true;
    events_in_list = events_at_last_look = 0;
    watch->start("", true);
    later(list_silence_ms_max, &State::silence);
    return;
  }
  list = ListOptions{options.name_space, options.label_selector, options.field_selector, options.page, "", ""};
  list_page();
}

void Informer::State::silence() {
  if (!in_streaming_list) return;
  {
    std::lock_guard lock(mutex);
    if (!trouble.empty() || events_in_list != events_at_last_look) {
      events_at_last_look = events_in_list;
      later(list_silence_ms_max, &State::silence);
      return;
    }
  }
  watch->stop();
  in_streaming_list = false;
  streaming_refused = true;
  relist();
}

void Informer::State::list_page() {
  auto request = list_request(resource, list);
  request.timeout = list_timeout;
  send(client, std::move(request), {.repeat = Repeat::safe}, [weak = weak_from_this()](Outcome outcome) {
    const auto self = weak.lock();
    if (!self) return;
    std::lock_guard lock(self->running);
    if (!self->stopped) self->page_came(std::move(outcome.result));
  });
}

void Informer::State::page_came(Result result) {
  try {
    if (const auto* error = std::get_if<Error>(&result)) throw Error(*error);
    auto& response = std::get<Response>(result);
    if (response.status != 200) throw error_of(response, "list " + resource.plural);
    std::unique_lock lock(mutex);
    const auto end = parser.parse_list(
        response.body, [&](ObjectPtr object) { changed(cache.put(std::move(object))); },
        [&](std::string_view name, const Error& error) {
          lock.unlock();
          if (skipped) skipped(name, error);
          lock.lock();
        });
    lock.unlock();
    tell();
    list.continue_token = end.continue_token;
    if (!list.continue_token.empty()) return list_page();
    list_done(end.resource_version);
  } catch (const Error& e) {
    list_failed(e);
  }
}

void Informer::State::list_failed(const Error& error) {
  trouble_is(&error);
  if (is_expired(error) && !list.continue_token.empty()) {
    // The list took longer than the server remembers: anew, and in one piece.
    list.continue_token.clear();
    list.limit = 0;
    {
      std::lock_guard lock(mutex);
      cache.begin_list();
    }
    return list_page();
  }
  later(backoff.next(error.retry_after_ms()), &State::relist);
}

void Informer::State::list_done(const std::string& version) {
  bool first = false;
  size_t objects = 0;
  {
    std::lock_guard lock(mutex);
    for (auto& change : cache.end_list(version_number(version))) untold.push_back(std::move(change));
    first = !synced;
    objects = cache.size();
    trouble.clear();
  }
  backoff.reset();
  tell();
  // Pages and lines of a long list leave the allocator with room that is not needed again.
  malloc_trim(0);
  {
    std::lock_guard lock(mutex);
    synced = true;
    moved.notify_all();
  }
  if (first) log::info("cache filled", {{"resource", resource.plural}, {"objects", std::to_string(objects)}});
  if (!in_streaming_list) watch->start(version, false);
  in_streaming_list = false;
}

std::string Informer::State::bookmark(std::string_view json) {
  const auto mark = parser.parse_bookmark(json);
  if (in_streaming_list) {
    if (!mark.initial_events_end) return "";
    list_done(mark.resource_version);
    return mark.resource_version;
  }
  std::lock_guard lock(mutex);
  cache.seen(version_number(mark.resource_version));
  moved.notify_all();
  return mark.resource_version;
}

std::string Informer::State::event(const WatchEvent& event) {
  if (event.kind == WatchEvent::Kind::bookmark) return bookmark(event.object);
  ObjectPtr object;
  try {
    object = parser.parse(event.object);
  } catch (const Error& e) {
    if (skipped) skipped("", e);
    return "";
  }
  std::string version(object->resource_version());
  {
    std::lock_guard lock(mutex);
    if (event.kind == WatchEvent::Kind::deleted) {
      changed(cache.remove(*object));
    } else {
      changed(cache.put(object));
    }
    // A streaming list's objects come in no order: only its end is a place to go on from.
    if (!in_streaming_list) cache.seen(object->version());
    moved.notify_all();
  }
  if (in_streaming_list) {
    ++events_in_list;
    version.clear();
  }
  tell();
  return version;
}

void Informer::State::gone(const Error& error) {
  if (in_streaming_list && !is_expired(error)) {
    streaming_refused = true;
    log::info("the API server has no streaming lists: objects are listed in pages", {{"resource", resource.plural}});
  }
  in_streaming_list = false;
  // The first time at once; a server whose history is too short must not make us list without end.
  later(backoff.attempts() == 0 ? milliseconds(0) : backoff.next(), &State::relist);
}

void Informer::State::changed(std::optional<Change> change) {
  if (change) untold.push_back(std::move(*change));
}

/// Hands changes over in their order, on the client's thread.
void Informer::State::tell() {
  if (telling) return;
  telling = true;
  while (true) {
    Change change;
    {
      std::lock_guard lock(mutex);
      if (untold.empty()) break;
      change = std::move(untold.front());
      untold.pop_front();
    }
    for (const auto& handler : handlers) {
      try {
        handler(change);
      } catch (const std::exception& e) {
        log::error("a handler of a cache's changes failed", {{"resource", resource.plural}, {"error", e.what()}});
      }
    }
  }
  telling = false;
}

bool Informer::synced() const {
  std::lock_guard lock(state_->mutex);
  return state_->synced;
}

bool Informer::wait_synced(milliseconds timeout) const {
  std::unique_lock lock(state_->mutex);
  return state_->moved.wait_for(lock, timeout, [&] { return state_->synced; });
}

std::string Informer::trouble() const {
  std::lock_guard lock(state_->mutex);
  return state_->trouble;
}

ObjectPtr Informer::get(std::string_view key) const {
  std::lock_guard lock(state_->mutex);
  return state_->cache.get(key);
}

std::vector<ObjectPtr> Informer::list(std::string_view name_space) const {
  std::lock_guard lock(state_->mutex);
  return state_->cache.list(name_space);
}

std::vector<ObjectPtr> Informer::page(std::string_view after, size_t count) const {
  std::lock_guard lock(state_->mutex);
  return state_->cache.page(after, count);
}

size_t Informer::size() const {
  std::lock_guard lock(state_->mutex);
  return state_->cache.size();
}

void Informer::State::written(std::string_view text) {
  {
    std::lock_guard lock(mutex);
    auto change = cache.put_written(written_parser.parse(text));
    if (!change) return;  // the watch was faster
    changed(std::move(change));
  }
  later(milliseconds(0), &State::tell);
}

void Informer::note_written(const Answer& answer) {
  state_->written(answer.text());
}

void Informer::note_written(const nlohmann::json& object) {
  state_->written(padded(object));
}

void Informer::note_written(std::string_view key, std::string_view resource_version) {
  std::lock_guard lock(state_->mutex);
  state_->cache.note_version(key, version_number(resource_version));
}

void Informer::note_removed(std::string_view key) {
  {
    std::lock_guard lock(state_->mutex);
    state_->changed(state_->cache.remove_written(key));
  }
  state_->later(milliseconds(0), &State::tell);
}

bool Informer::behind(std::string_view key) const {
  std::lock_guard lock(state_->mutex);
  return state_->cache.behind(key);
}

bool Informer::wait_current(std::string_view key, milliseconds timeout) const {
  std::unique_lock lock(state_->mutex);
  return state_->moved.wait_for(lock, timeout, [&] { return !state_->cache.behind(key); });
}

}  // namespace operon::kube
