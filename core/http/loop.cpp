#include "core/http/loop.hpp"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "core/log/log.hpp"
#include "operon/error.hpp"

namespace operon::http {

namespace {

constexpr int events_max = 256;
constexpr size_t scratch_bytes = 64u << 10;

}  // namespace

Loop::Loop(std::string thread_name)
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)), event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), name_(std::move(thread_name)) {
  if (!epoll_ || !event_) throw Error(Code::unavailable, std::string("no descriptor for an event loop: ") + std::strerror(errno));
  epoll_event e{};
  e.events = EPOLLIN;
  e.data.ptr = nullptr;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, event_.get(), &e);
  scratch_in.resize(scratch_bytes);
  now_ = std::chrono::steady_clock::now();
  thread_ = std::thread([this] { run(); });
}

Loop::~Loop() {
  stop();
}

void Loop::post(std::function<void()> work) {
  bool wake = false;
  {
    std::lock_guard lock(mutex_);
    wake = posted_.empty();
    posted_.push_back(std::move(work));
  }
  if (wake) {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = ::write(event_.get(), &one, sizeof(one));
  }
}

void Loop::stop() {
  if (!thread_.joinable()) return;
  post([this] { stopping_ = true; });
  thread_.join();
}

void Loop::add(std::unique_ptr<LoopItem> item) {
  LoopItem& it = *item;
  it.index_ = items_.size();
  items_.push_back(std::move(item));
  epoll_event e{};
  e.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  e.data.ptr = &it;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, it.fd(), &e) != 0) {
    log::error("a connection cannot be watched", {{"reason", std::strerror(errno)}});
    remove(it);
    return;
  }
  it.on_added();
}

void Loop::remove(LoopItem& item) {
  if (item.removed_) return;
  item.removed_ = true;
  if (item.timer_ != TimePoint::max()) timers_.erase({item.timer_, &item});
  if (item.again_) std::erase(again_, &item);
  // The descriptor may live on elsewhere (a stream), so closing it would not take it off here.
  if (item.fd() >= 0) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, item.fd(), nullptr);
  const size_t at = item.index_;
  graveyard_.push_back(std::move(items_[at]));
  if (at + 1 != items_.size()) {
    items_[at] = std::move(items_.back());
    items_[at]->index_ = at;
  }
  items_.pop_back();
}

void Loop::set_deadline(LoopItem& item, TimePoint when) {
  if (item.removed_) return;
  item.deadline_ = when;
  // A later deadline is noticed when the timer that is set goes off: most deadlines are moved on without ever being reached.
  if (when >= item.timer_) return;
  if (item.timer_ != TimePoint::max()) timers_.erase({item.timer_, &item});
  item.timer_ = when;
  timers_.insert({when, &item});
}

void Loop::again(LoopItem& item) {
  if (item.again_ || item.removed_) return;
  item.again_ = true;
  again_.push_back(&item);
}

int Loop::wait_ms() const {
  if (!again_.empty()) return 0;
  if (timers_.empty()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(timers_.begin()->first - std::chrono::steady_clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, 60000));
}

void Loop::run_posted() {
  std::vector<std::function<void()>> work;
  {
    std::lock_guard lock(mutex_);
    work.swap(posted_);
  }
  for (auto& w : work) w();
}

void Loop::run_deadlines() {
  while (!timers_.empty() && timers_.begin()->first <= now_) {
    LoopItem& item = *timers_.begin()->second;
    timers_.erase(timers_.begin());
    item.timer_ = TimePoint::max();
    if (item.deadline_ > now_) {
      if (item.deadline_ != TimePoint::max()) set_deadline(item, item.deadline_);
    } else {
      item.deadline_ = TimePoint::max();
      item.on_deadline();
    }
  }
}

void Loop::run_again() {
  std::vector<LoopItem*> round;
  round.swap(again_);
  for (LoopItem* item : round) item->again_ = false;
  for (LoopItem* item : round) {
    if (!item->removed_) item->on_again();
  }
}

void Loop::run() {
  pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());
  std::array<epoll_event, events_max> events;
  while (!stopping_) {
    const int n = ::epoll_wait(epoll_.get(), events.data(), events_max, wait_ms());
    now_ = std::chrono::steady_clock::now();
    bool posted = false;
    for (int i = 0; i < n; ++i) {
      const epoll_event& e = events[static_cast<size_t>(i)];
      if (!e.data.ptr) {
        uint64_t count = 0;
        [[maybe_unused]] const ssize_t got = ::read(event_.get(), &count, sizeof(count));
        posted = true;
        continue;
      }
      auto* item = static_cast<LoopItem*>(e.data.ptr);
      if (!item->removed_) item->on_ready(e.events);
    }
    if (posted) run_posted();
    run_again();
    run_deadlines();
    graveyard_.clear();
  }
}

}  // namespace operon::http
