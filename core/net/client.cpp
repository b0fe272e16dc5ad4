#include "core/net/client.hpp"

#include <pthread.h>
#include <signal.h>

#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "core/base/await.hpp"
#include "core/net/curl_library.hpp"
#include "core/net/transfer.hpp"

namespace operon::net {
namespace {

using TransferPtr = std::unique_ptr<Transfer>;

std::string_view outcome_of(const Result& result) {
  if (const auto* reply = std::get_if<Reply>(&result)) {
    static constexpr std::string_view classes[] = {"other", "1xx", "2xx", "3xx", "4xx", "5xx"};
    const int group = reply->status / 100;
    return classes[group >= 1 && group <= 5 ? group : 0];
  }
  const auto code = std::get<Error>(result).code();
  return code == Code::deadline_exceeded ? "timeout" : code == Code::cancelled ? "cancelled" : "error";
}

}  // namespace

/// The thread begins with the first request: a host whose plugins fetch nothing has none.
struct Client::Impl {
  Impl(ClientLimits l, std::function<void(const Observation&)> o) : limits(std::move(l)), observe(std::move(o)) {}

  void run();
  void take_orders();
  void begin(TransferPtr);
  void hop(TransferPtr);
  void collect();
  void expire();
  void end(TransferPtr, Result);
  void end_all();

  const ClientLimits limits;
  const std::function<void(const Observation&)> observe;

  std::mutex mutex;  // of what follows
  std::deque<TransferPtr> incoming;
  std::vector<Id> cancelled;
  size_t in_hand = 0;  // not answered yet
  Id last_id = 0;
  bool stopping = false;
  CURLM* multi = nullptr;
  std::thread thread;

  // The thread's own.
  std::deque<TransferPtr> waiting;
  std::map<Id, TransferPtr> active;
};

Client::Client(ClientLimits limits, std::function<void(const Observation&)> observe)
    : impl_(std::make_unique<Impl>(std::move(limits), std::move(observe))) {}

Client::~Client() {
  std::unique_lock lock(impl_->mutex);
  impl_->stopping = true;
  if (impl_->multi == nullptr) return;
  curl_library().multi_wakeup(impl_->multi);
  lock.unlock();
  impl_->thread.join();
  curl_library().multi_cleanup(impl_->multi);
}

Client::Id Client::start(Request request, Done done) {
  auto& self = *impl_;
  try {
    check(request);
    std::lock_guard lock(self.mutex);
    if (self.stopping) throw Error(Code::unavailable, "the HTTP client is stopping");
    if (self.in_hand >= static_cast<size_t>(self.limits.requests_max) + self.limits.requests_queued_max) {
      if (self.observe) self.observe({"refused", std::chrono::nanoseconds(0)});
      throw Error(Code::resource_exhausted, "the HTTP client has " + std::to_string(self.in_hand) +
                                                " requests in hand (net.requests_max and " + "net.requests_queued_max); try again later");
    }
    if (self.multi == nullptr) {
      self.multi = curl_library().multi_init();
      if (self.multi == nullptr) throw Error(Code::resource_exhausted, "no memory for the HTTP client");
      curl_library().multi_setopt(self.multi, CURLMOPT_MAXCONNECTS, static_cast<long>(self.limits.connections_kept_max));
      self.thread = std::thread([&self] { self.run(); });
    }
    const Id id = ++self.last_id;
    self.incoming.push_back(std::make_unique<Transfer>(id, std::move(request), std::move(done), self.limits));
    ++self.in_hand;
    curl_library().multi_wakeup(self.multi);
    return id;
  } catch (const Error& e) {
    done(e);
    return 0;
  }
}

void Client::cancel(Id id) {
  std::lock_guard lock(impl_->mutex);
  if (impl_->multi == nullptr || id == 0) return;
  impl_->cancelled.push_back(id);
  curl_library().multi_wakeup(impl_->multi);
}

Reply Client::fetch(Request request) {
  auto result = base::await<Result>([&](auto done) { start(std::move(request), std::move(done)); });
  if (auto* error = std::get_if<Error>(&result)) throw Error(*error);
  return std::get<Reply>(std::move(result));
}

void Client::Impl::run() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  pthread_setname_np(pthread_self(), "operon-net");
  while (true) {
    take_orders();
    {
      std::lock_guard lock(mutex);
      if (stopping) break;
    }
    while (!waiting.empty() && active.size() < limits.requests_max) {
      auto next = std::move(waiting.front());
      waiting.pop_front();
      begin(std::move(next));
    }
    int running = 0;
    curl_library().multi_perform(multi, &running);
    collect();
    expire();
    // Waiting transfers have deadlines that libcurl does not know; active ones are timed by it.
    const int wait_ms = waiting.empty() ? 60000 : 50;
    const bool room = !waiting.empty() && active.size() < limits.requests_max;
    if (!room) curl_library().multi_poll(multi, nullptr, 0, wait_ms, nullptr);
  }
  end_all();
}

void Client::Impl::take_orders() {
  std::vector<Id> ids;
  {
    std::lock_guard lock(mutex);
    while (!incoming.empty()) {
      waiting.push_back(std::move(incoming.front()));
      incoming.pop_front();
    }
    ids.swap(cancelled);
  }
  for (const Id id : ids) {
    TransferPtr found;
    if (auto node = active.extract(id)) {
      found = std::move(node.mapped());
      curl_library().multi_remove_handle(multi, found->easy());
    } else {
      for (auto it = waiting.begin(); it != waiting.end(); ++it) {
        if ((*it)->id() != id) continue;
        found = std::move(*it);
        waiting.erase(it);
        break;
      }
    }
    if (found == nullptr) continue;
    const auto where = found->where();
    end(std::move(found), Error(Code::cancelled, where + ": cancelled"));
  }
}

void Client::Impl::begin(TransferPtr transfer) {
  if (std::chrono::steady_clock::now() >= transfer->deadline()) {
    auto error = transfer->deadline_error();
    end(std::move(transfer), std::move(error));
    return;
  }
  hop(std::move(transfer));
}

void Client::Impl::hop(TransferPtr transfer) {
  if (auto refused = transfer->refusal()) {
    end(std::move(transfer), std::move(*refused));
    return;
  }
  if (!transfer->prepare() || curl_library().multi_add_handle(multi, transfer->easy()) != CURLM_OK) {
    end(std::move(transfer), Error(Code::resource_exhausted, "no memory for an HTTP request"));
    return;
  }
  const Id id = transfer->id();
  active.emplace(id, std::move(transfer));
}

void Client::Impl::collect() {
  int left = 0;
  while (CURLMsg* message = curl_library().multi_info_read(multi, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;
    Transfer* which = nullptr;
    curl_library().easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &which);
    curl_library().multi_remove_handle(multi, message->easy_handle);
    auto transfer = std::move(active.extract(which->id()).mapped());
    std::optional<Result> result;
    if (transfer->finish(code, result)) {
      begin(std::move(transfer));
    } else {
      end(std::move(transfer), std::move(*result));
    }
  }
}

void Client::Impl::expire() {
  const auto now = std::chrono::steady_clock::now();
  for (auto it = waiting.begin(); it != waiting.end();) {
    if (now < (*it)->deadline()) {
      ++it;
      continue;
    }
    auto late = std::move(*it);
    it = waiting.erase(it);
    auto error = late->deadline_error();
    end(std::move(late), std::move(error));
  }
}

void Client::Impl::end(TransferPtr transfer, Result result) {
  {
    std::lock_guard lock(mutex);
    --in_hand;
  }
  if (observe) observe({outcome_of(result), std::chrono::steady_clock::now() - transfer->began()});
  transfer->done(std::move(result));
}

void Client::Impl::end_all() {
  take_orders();
  auto left = std::move(active);
  active.clear();
  for (auto& [id, transfer] : left) {
    curl_library().multi_remove_handle(multi, transfer->easy());
    end(std::move(transfer), Error(Code::cancelled, "the HTTP client is stopping"));
  }
  while (!waiting.empty()) {
    auto transfer = std::move(waiting.front());
    waiting.pop_front();
    end(std::move(transfer), Error(Code::cancelled, "the HTTP client is stopping"));
  }
}

}  // namespace operon::net
