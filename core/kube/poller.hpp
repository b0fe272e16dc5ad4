/// core/kube/poller.hpp: the sockets of a libcurl multi handle, its timer, and a way to wake whoever waits for them. Private to core/kube.
#pragma once

#include <curl/curl.h>
#include <sys/epoll.h>

#include <array>
#include <atomic>
#include <chrono>
#include <map>

namespace operon::kube {

/// One thread waits; whoever has the lock of the multi handle, that thread or another one, lets libcurl go on. Sockets and times that come
/// up meanwhile are in force for the one who waits at once, without waking it.
class Poller {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  explicit Poller(long connections_kept_max);  ///< Throws Error(resource_exhausted).
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  CURLM* multi() const { return multi_; }

  /// Until a socket is ready, a time has come or somebody calls wake(). Without the lock of the multi handle.
  void wait();
  /// Any thread, with or without the lock. Of many calls before the one who waits is awake the first one counts.
  void wake();

  // With the lock of the multi handle.

  /// libcurl goes on with the sockets that wait() found.
  void act();
  /// libcurl goes on with what is due by its own clock; returns how many transfers have not ended.
  int act_due();
  /// libcurl wants to go on now.
  bool due() const { return next_ <= std::chrono::steady_clock::now(); }
  /// wait() ends when libcurl wants to go on, and at `other` at the latest; now and then before.
  void wake_at(TimePoint other);

 private:
  static int on_socket(CURL*, curl_socket_t, int what, void* self, void*);
  static int on_timer(CURLM*, long ms, void* self);
  void watch(curl_socket_t, int what);
  void close_all();

  static constexpr int ready_max = 16;

  CURLM* multi_ = nullptr;
  int epoll_ = -1, timer_ = -1, wake_ = -1;
  std::atomic<bool> woken_{false};
  std::array<epoll_event, ready_max> ready_{};  ///< of the one who waits
  int ready_count_ = 0;
  std::map<curl_socket_t, uint32_t> watched_;
  TimePoint next_ = TimePoint::max(), armed_ = TimePoint::max();
};

}  // namespace operon::kube
