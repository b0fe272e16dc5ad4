#include "core/kube/poller.hpp"

#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/log/log.hpp"
#include "core/net/curl_library.hpp"
#include "operon/error.hpp"

namespace operon::kube {
namespace {

using net::curl_library;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

void add(int epoll, int descriptor) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = descriptor;
  epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}

void drain(int descriptor) {
  uint64_t count = 0;
  [[maybe_unused]] const auto bytes = read(descriptor, &count, sizeof count);
}

}  // namespace

Poller::Poller(long connections_kept_max)
    : multi_(curl_library().multi_init()),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      timer_(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)),
      wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (multi_ == nullptr || epoll_ < 0 || timer_ < 0 || wake_ < 0) {
    close_all();
    throw Error(Code::resource_exhausted, "no memory or no file descriptor for the Kubernetes client");
  }
  add(epoll_, timer_);
  add(epoll_, wake_);
  const auto& curl = curl_library();
  curl.multi_setopt(multi_, CURLMOPT_MAXCONNECTS, connections_kept_max);
  curl.multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &Poller::on_socket);
  curl.multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl.multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &Poller::on_timer);
  curl.multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
}

Poller::~Poller() {
  close_all();
}

void Poller::close_all() {
  if (multi_ != nullptr) curl_library().multi_cleanup(multi_);
  for (const int descriptor : {epoll_, timer_, wake_}) {
    if (descriptor >= 0) close(descriptor);
  }
}

int Poller::on_socket(CURL*, curl_socket_t socket, int what, void* self, void*) {
  static_cast<Poller*>(self)->watch(socket, what);
  return 0;
}

void Poller::watch(curl_socket_t socket, int what) {
  const auto known = watched_.find(socket);
  epoll_event event{};
  event.data.fd = socket;
  if (what == CURL_POLL_REMOVE) {
    if (known == watched_.end()) return;
    watched_.erase(known);
    epoll_ctl(epoll_, EPOLL_CTL_DEL, socket, &event);
    return;
  }
  const uint32_t events = ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0u) | ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0u);
  event.events = events;
  if (known != watched_.end() && known->second == events) return;
  const int what_to_do = known == watched_.end() ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  watched_[socket] = events;
  if (epoll_ctl(epoll_, what_to_do, socket, &event) == 0) return;
  if (errno == ENOENT && epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &event) == 0) return;  // the number is another socket's by now
  log::error("a connection to the API server cannot be watched; its requests end by their time-outs", {{"error", std::strerror(errno)}});
}

int Poller::on_timer(CURLM*, long ms, void* self) {
  static_cast<Poller*>(self)->next_ = ms < 0 ? TimePoint::max() : steady_clock::now() + milliseconds(ms);
  return 0;
}

void Poller::wait() {
  ready_count_ = std::max(epoll_wait(epoll_, ready_.data(), ready_max, -1), 0);
}

void Poller::wake() {
  if (woken_.exchange(true)) return;
  const uint64_t one = 1;
  [[maybe_unused]] const auto bytes = write(wake_, &one, sizeof one);
}

void Poller::act() {
  int running = 0;
  for (int i = 0; i < ready_count_; ++i) {
    const auto [events, data] = ready_[static_cast<size_t>(i)];
    const int descriptor = data.fd;
    if (descriptor == timer_) {
      drain(timer_);
      armed_ = TimePoint::max();
    } else if (descriptor == wake_) {
      drain(wake_);
      woken_ = false;
    } else if (watched_.contains(descriptor)) {
      // An error, too, is for libcurl to find when it reads or writes: the number may be another socket's since wait() saw it.
      const bool failed = (events & (EPOLLERR | EPOLLHUP)) != 0;
      const int what =
          (failed || (events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) | (failed || (events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0);
      curl_library().multi_socket_action(multi_, descriptor, what, &running);
    }
  }
  ready_count_ = 0;
}

int Poller::act_due() {
  int running = 0;
  next_ = TimePoint::max();  // it is told anew
  curl_library().multi_socket_action(multi_, CURL_SOCKET_TIMEOUT, 0, &running);
  return running;
}

void Poller::wake_at(TimePoint other) {
  const TimePoint when = std::min(other, next_);
  if (when >= armed_) return;
  armed_ = when;
  // A time that has passed is one nanosecond after the clock's beginning, since none at all would mean never.
  const auto since = std::max<int64_t>(std::chrono::duration_cast<nanoseconds>(when.time_since_epoch()).count(), 1);
  itimerspec spec{};
  spec.it_value = {since / 1'000'000'000, since % 1'000'000'000};
  timerfd_settime(timer_, TFD_TIMER_ABSTIME, &spec, nullptr);
}

}  // namespace operon::kube
