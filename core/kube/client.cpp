#include "core/kube/client.hpp"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "core/base/await.hpp"
#include "core/kube/poller.hpp"
#include "core/kube/transfer.hpp"
#include "core/log/log.hpp"
#include "core/metrics/metrics.hpp"
#include "core/net/curl_library.hpp"

namespace operon::kube {
namespace {

using net::curl_library;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using TransferPtr = std::unique_ptr<Transfer>;

constexpr size_t handles_spare_max = 8;  ///< of libcurl, to be used again
constexpr unsigned rounds_max = 8;       ///< of orders and timers, before the sockets are looked at again
/// libcurl ends what is late by itself. A time-out that it lost would never be noticed on a silent connection.
constexpr std::chrono::seconds overdue_look_every{60}, overdue_by{1};

/// What a callback throws must not end the thread that everybody shares.
template <class Function>
void guarded(Function&& function) noexcept {
  try {
    function();
  } catch (const std::exception& e) {
    log::error("a callback of the Kubernetes client failed", {{"error", e.what()}});
  }
}

std::string_view outcome_of(const Transfer& transfer) {
  static constexpr std::string_view classes[] = {"other", "1xx", "2xx", "3xx", "4xx", "5xx"};
  if (transfer.failed()) return "error";
  const int group = transfer.status() / 100;
  return classes[group >= 1 && group <= 5 ? group : 0];
}

}  // namespace

struct Client::Impl {
  Impl(ClusterConfig config, ClientLimits limits) : settings{config, limits}, credentials(std::move(config)) {}

  void start_thread();  // with the lock held
  template <class Handler>
  Id start(Request, Handler);
  void wake();
  void begin_here();
  bool on_thread() const { return thread_of == &untold; }
  std::unique_ptr<Handle> handle_for(std::shared_ptr<const Identity>);
  void recycle(std::unique_ptr<Handle>);
  void run();
  bool more();
  void take_orders();
  void take_incoming();
  void cancel_now(Id);
  void resume_now(Id);
  void begin(TransferPtr);
  void collect();
  void ended(TransferPtr);
  void count(const Transfer&);
  void end(TransferPtr, const Error*);
  steady_clock::time_point next_due();
  void run_timers();
  void end_overdue(steady_clock::time_point);
  void ask_for_credentials();
  void credentials_ready();
  void end_all();

  const TransferSettings settings;
  Credentials credentials;

  struct Timer {
    steady_clock::time_point due;
    std::function<void()> task;
  };
  std::mutex mutex;  // of what follows
  std::deque<TransferPtr> incoming;
  std::vector<std::pair<Id, Timer>> incoming_timers;
  std::vector<std::pair<Id, bool>> orders;  // id, cancel (else resume)
  size_t requests = 0, streams = 0;
  Id last_id = 0;
  bool stopping = false;
  bool refreshed = false;
  std::optional<Error> refresh_error;
  std::unique_ptr<Poller> poller;
  std::thread thread, refresher;

  // Of the transfers, libcurl and what follows. The thread has it whenever it is awake; who finds it asleep may send a request himself.
  std::mutex at_work;
  std::map<Id, TransferPtr> active;
  std::vector<std::pair<TransferPtr, Error>> stillborn;
  std::vector<std::unique_ptr<Handle>> spare;
  std::shared_ptr<const Identity> spare_identity;  ///< theirs
  Untold untold;
  std::vector<TransferPtr> unauthenticated;  // until credentials are there
  bool refreshing = false;
  std::map<Id, Timer> timers;
  steady_clock::time_point overdue_look{};
  std::map<std::pair<std::string, std::string_view>, metrics::Counter> counters;
};

Client::Client(ClusterConfig config, ClientLimits limits) : impl_(std::make_shared<Impl>(std::move(config), limits)) {
  curl_library();
  if (impl_->settings.config.insecure) log::warn("the API server's certificate is not checked (insecure-skip-tls-verify)");
  log::info("Kubernetes API", {{"server", impl_->settings.config.server}, {"login", impl_->settings.config.method}});
}

Client::~Client() {
  std::unique_lock lock(impl_->mutex);
  impl_->stopping = true;
  if (!impl_->poller) return;
  impl_->poller->wake();
  lock.unlock();
  impl_->thread.join();
  if (impl_->refresher.joinable()) impl_->refresher.join();
}

const ClusterConfig& Client::config() const {
  return impl_->settings.config;
}

std::shared_ptr<const Identity> Client::identity() {
  return impl_->credentials.refresh();
}

void Client::Impl::start_thread() {
  if (stopping) throw Error(Code::unavailable, "the Kubernetes client is stopping");
  if (poller) return;
  poller = std::make_unique<Poller>(static_cast<long>(settings.limits.connections_kept_max));
  thread = std::thread([this] { run(); });
}

template <class Handler>
Client::Id Client::Impl::start(Request request, Handler handler) {
  constexpr bool is_stream = std::is_same_v<Handler, StreamHandler>;
  check(request);
  std::unique_lock lock(mutex);
  start_thread();
  size_t& in_hand = is_stream ? streams : requests;
  if (in_hand >= (is_stream ? settings.limits.streams_max : settings.limits.requests_max)) {
    throw Error(Code::resource_exhausted, "the Kubernetes client has " + std::to_string(in_hand) +
                                              (is_stream ? " streams in hand (streams_max)" : " requests in hand (requests_max)") +
                                              "; try again later");
  }
  ++in_hand;
  const Id id = ++last_id;
  incoming.push_back(std::make_unique<Transfer>(id, std::move(request), std::move(handler), settings, untold));
  lock.unlock();
  if (!on_thread()) begin_here();
  return id;
}

/// While the client's thread sleeps the caller's sends what there is to send: two threads need not change places for it. What came back
/// already is for the client's thread.
void Client::Impl::begin_here() {
  std::unique_lock work(at_work, std::try_to_lock);
  if (!work) return poller->wake();
  take_incoming();
  const bool ended = static_cast<size_t>(poller->act_due()) < active.size() || !stillborn.empty();
  const bool wanted = ended || !unauthenticated.empty() || !untold.streams.empty();
  poller->wake_at(steady_clock::now() + overdue_look_every);
  work.unlock();
  if (wanted) poller->wake();
}

void Client::Impl::wake() {
  if (!on_thread()) poller->wake();
}

Client::Id Client::request(Request request, Done done) {
  const auto impl = impl_;  // an answer may end the client before its sender is back from here
  try {
    return impl->start<Done>(std::move(request), done);
  } catch (const Error& e) {
    done(e);
    return 0;
  }
}

Client::Id Client::stream(Request request, StreamHandler handler) {
  const auto impl = impl_;
  const auto done = handler.done;
  try {
    return impl->start<StreamHandler>(std::move(request), std::move(handler));
  } catch (const Error& e) {
    done(e);
    return 0;
  }
}

Client::Id Client::after(milliseconds delay, std::function<void()> task) {
  std::lock_guard lock(impl_->mutex);
  if (impl_->stopping) return 0;
  impl_->start_thread();
  const Id id = ++impl_->last_id;
  impl_->incoming_timers.emplace_back(id, Impl::Timer{steady_clock::now() + delay, std::move(task)});
  impl_->wake();
  return id;
}

void Client::resume(Id id) {
  std::lock_guard lock(impl_->mutex);
  if (!impl_->poller || id == 0) return;
  impl_->orders.emplace_back(id, false);
  impl_->wake();
}

void Client::cancel(Id id) {
  std::lock_guard lock(impl_->mutex);
  if (!impl_->poller || id == 0) return;
  impl_->orders.emplace_back(id, true);
  impl_->wake();
}

Response Client::fetch(Request request_to_send) {
  auto result = base::await<Result>([&](auto done) { request(std::move(request_to_send), std::move(done)); });
  if (auto* error = std::get_if<Error>(&result)) throw Error(*error);
  return std::get<Response>(std::move(result));
}

void Client::Impl::run() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  pthread_setname_np(pthread_self(), "operon-kube");
  thread_of = &untold;
  std::unique_lock work(at_work);
  while (true) {
    unsigned rounds = 0;
    do {
      take_orders();
      run_timers();
      if (poller->due()) poller->act_due();
      collect();
    } while (more() && ++rounds < rounds_max);
    if (rounds == rounds_max) poller->wake();  // sockets come in between
    {
      std::lock_guard lock(mutex);
      if (stopping) break;
    }
    poller->wake_at(next_due());
    work.unlock();
    poller->wait();
    work.lock();
    poller->act();
  }
  end_all();
}

/// What callbacks have asked for meanwhile, mostly.
bool Client::Impl::more() {
  if (!stillborn.empty() || !untold.streams.empty() || poller->due()) return true;
  if (!unauthenticated.empty() && !refreshing) return true;
  std::lock_guard lock(mutex);
  return !stopping && (!incoming.empty() || !incoming_timers.empty() || !orders.empty() || refreshed);
}

steady_clock::time_point Client::Impl::next_due() {
  auto until = steady_clock::time_point::max();
  for (const auto& [id, timer] : timers) until = std::min(until, timer.due);
  for (const auto& transfer : unauthenticated) until = std::min(until, transfer->deadline());
  return active.empty() ? until : std::min(until, overdue_look);
}

void Client::Impl::take_incoming() {
  std::deque<TransferPtr> fresh;
  {
    std::lock_guard lock(mutex);
    fresh.swap(incoming);
  }
  for (auto& transfer : fresh) begin(std::move(transfer));
}

void Client::Impl::take_orders() {
  std::deque<TransferPtr> fresh;
  std::vector<std::pair<Id, bool>> told;
  bool authenticated = false;
  {
    std::lock_guard lock(mutex);  // one for all: what is cancelled has been begun before
    fresh.swap(incoming);
    told.swap(orders);
    for (auto& [id, timer] : incoming_timers) timers.emplace(id, std::move(timer));
    incoming_timers.clear();
    std::swap(authenticated, refreshed);
  }
  for (auto& transfer : fresh) begin(std::move(transfer));
  if (authenticated) credentials_ready();
  if (!unauthenticated.empty()) ask_for_credentials();
  for (const Id id : std::exchange(untold.streams, {})) resume_now(id);
  for (const auto& [id, cancel] : told) {
    if (cancel) {
      cancel_now(id);
    } else {
      resume_now(id);
    }
  }
}

void Client::Impl::resume_now(Id id) {
  const auto found = active.find(id);
  if (found == active.end()) return;
  Transfer& transfer = *found->second;
  transfer.resume();
  if (transfer.finished() && transfer.tell()) ended(std::move(active.extract(found).mapped()));
}

void Client::Impl::cancel_now(Id id) {
  if (timers.erase(id) != 0) return;
  TransferPtr found;
  if (auto node = active.extract(id)) {
    found = std::move(node.mapped());
    curl_library().multi_remove_handle(poller->multi(), found->easy());
  } else {
    const auto waiting = std::find_if(unauthenticated.begin(), unauthenticated.end(), [&](const auto& t) { return t->id() == id; });
    if (waiting == unauthenticated.end()) return;
    found = std::move(*waiting);
    unauthenticated.erase(waiting);
  }
  const Error error(Code::cancelled, found->where() + ": cancelled");
  end(std::move(found), &error);
}

void Client::Impl::begin(TransferPtr transfer) {
  if (steady_clock::now() >= transfer->deadline()) {
    Error error = transfer->deadline_error();
    stillborn.emplace_back(std::move(transfer), std::move(error));
    return;
  }
  auto identity = credentials.current();
  if (!identity) {
    unauthenticated.push_back(std::move(transfer));
    return;
  }
  try {
    transfer->prepare(handle_for(std::move(identity)));
    if (curl_library().multi_add_handle(poller->multi(), transfer->easy()) != CURLM_OK) throw std::bad_alloc();
  } catch (const std::exception&) {
    Error error(Code::resource_exhausted, transfer->where() + ": no memory for it");
    stillborn.emplace_back(std::move(transfer), std::move(error));
    return;
  }
  const Id id = transfer->id();
  active.emplace(id, std::move(transfer));
}

void Client::Impl::collect() {
  for (auto& [transfer, error] : std::exchange(stillborn, {})) end(std::move(transfer), &error);
  int left = 0;
  while (CURLMsg* message = curl_library().multi_info_read(poller->multi(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;
    Transfer* which = nullptr;
    curl_library().easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &which);
    curl_library().multi_remove_handle(poller->multi(), message->easy_handle);
    auto transfer = std::move(active.extract(which->id()).mapped());
    if (transfer->finish(code)) {
      ended(std::move(transfer));
    } else {
      credentials.refused(transfer->identity());
      begin(std::move(transfer));
    }
  }
}

/// libcurl is done with it.
void Client::Impl::ended(TransferPtr transfer) {
  if (!transfer->tell()) {  // its reader is full: resume() comes here again
    const Id id = transfer->id();
    active.emplace(id, std::move(transfer));
    return;
  }
  count(*transfer);
  end(std::move(transfer), nullptr);
}

void Client::Impl::count(const Transfer& transfer) {
  const std::pair<std::string, std::string_view> key(transfer.is_stream() ? "STREAM" : transfer.method(), outcome_of(transfer));
  auto found = counters.find(key);
  if (found == counters.end()) {
    found = counters
                .emplace(key, metrics::counter("operon_kube_requests_total", "Requests to API servers that were answered or failed",
                                               {{"method", key.first}, {"outcome", key.second}}))
                .first;
  }
  found->second.add();
}

void Client::Impl::end(TransferPtr transfer, const Error* error) {
  {
    std::lock_guard lock(mutex);
    --(transfer->is_stream() ? streams : requests);
  }
  // Not those of streams: libcurl may keep what a paused one has not taken.
  if (!transfer->is_stream()) recycle(transfer->release());
  guarded([&] {
    if (error) {
      transfer->end(*error);
    } else {
      transfer->end();
    }
  });
}

std::unique_ptr<Handle> Client::Impl::handle_for(std::shared_ptr<const Identity> identity) {
  if (identity != spare_identity) spare.clear();
  spare_identity = identity;
  if (spare.empty()) return std::make_unique<Handle>(settings, std::move(identity));
  auto one = std::move(spare.back());
  spare.pop_back();
  return one;
}

void Client::Impl::recycle(std::unique_ptr<Handle> handle) {
  if (!handle || handle->identity() != spare_identity || handle->retried() || spare.size() >= handles_spare_max) return;
  spare.push_back(std::move(handle));
}

void Client::Impl::run_timers() {
  const auto now = steady_clock::now();
  std::vector<Id> due;
  for (const auto& [id, timer] : timers) {
    if (timer.due <= now) due.push_back(id);
  }
  std::sort(due.begin(), due.end(), [&](Id a, Id b) { return std::tie(timers[a].due, a) < std::tie(timers[b].due, b); });
  for (const Id id : due) {
    auto node = timers.extract(id);  // a task before it may have cancelled it
    if (node) guarded(node.mapped().task);
  }
  end_overdue(now);
  std::vector<TransferPtr> late;
  std::erase_if(unauthenticated, [&](TransferPtr& transfer) {
    if (now < transfer->deadline()) return false;
    late.push_back(std::move(transfer));
    return true;
  });
  for (auto& transfer : late) {
    const Error error = transfer->deadline_error();
    end(std::move(transfer), &error);
  }
}

void Client::Impl::end_overdue(steady_clock::time_point now) {
  if (now < overdue_look) return;
  overdue_look = now + overdue_look_every;
  std::vector<Id> late;
  for (const auto& [id, transfer] : active) {
    if (now - overdue_by >= transfer->deadline()) late.push_back(id);
  }
  for (const Id id : late) {
    auto transfer = std::move(active.extract(id).mapped());
    curl_library().multi_remove_handle(poller->multi(), transfer->easy());
    const Error error = transfer->deadline_error();
    end(std::move(transfer), &error);
  }
}

void Client::Impl::ask_for_credentials() {
  if (refreshing) return;
  {
    std::lock_guard lock(mutex);
    if (stopping) return;
  }
  refreshing = true;
  if (refresher.joinable()) refresher.join();
  refresher = std::thread([this] {
    std::optional<Error> error;
    try {
      credentials.refresh();
    } catch (const Error& e) {
      error = e;
    } catch (const std::exception& e) {
      error = Error(Code::unauthenticated, e.what());
    }
    std::lock_guard lock(mutex);
    refreshed = true;
    refresh_error = std::move(error);
    poller->wake();
  });
}

void Client::Impl::credentials_ready() {
  std::optional<Error> error;
  {
    std::lock_guard lock(mutex);
    error.swap(refresh_error);
  }
  refreshing = false;
  auto waiting = std::move(unauthenticated);
  unauthenticated.clear();
  for (auto& transfer : waiting) {
    if (error) {
      end(std::move(transfer), &*error);
    } else {
      begin(std::move(transfer));
    }
  }
}

void Client::Impl::end_all() {
  take_orders();
  auto left = std::move(active);
  active.clear();
  const Error error(Code::cancelled, "the Kubernetes client is stopping");
  for (auto& [transfer, why] : std::exchange(stillborn, {})) end(std::move(transfer), &why);
  for (auto& [id, transfer] : left) {
    curl_library().multi_remove_handle(poller->multi(), transfer->easy());
    end(std::move(transfer), &error);
  }
  auto waiting = std::move(unauthenticated);
  for (auto& transfer : waiting) end(std::move(transfer), &error);
  spare.clear();
}

}  // namespace operon::kube
