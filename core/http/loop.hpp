/// core/http/loop.hpp: one thread that waits for descriptors, deadlines and posted work.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/base/files.hpp"

namespace operon::http {

class Loop;

/// Something on a loop: a descriptor and at most one deadline. Everything but the constructor runs on the loop's thread.
class LoopItem {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  LoopItem() = default;
  LoopItem(const LoopItem&) = delete;
  LoopItem& operator=(const LoopItem&) = delete;
  virtual ~LoopItem() = default;
  virtual int fd() const noexcept = 0;
  virtual void on_added() {}
  /// Edge triggered: `events` is what epoll said.
  virtual void on_ready(uint32_t events) = 0;
  virtual void on_deadline() = 0;
  /// Asked for with Loop::again: it still has work, others go first.
  virtual void on_again() {}

 private:
  friend class Loop;
  size_t index_ = 0;
  bool removed_ = false, again_ = false;
  TimePoint deadline_ = TimePoint::max();
  TimePoint timer_ = TimePoint::max();  // what is in the loop's set: never later than deadline_
};

/// Thread-safe: post, stop. The rest is for the loop's own thread.
class Loop {
 public:
  using TimePoint = LoopItem::TimePoint;

  explicit Loop(std::string thread_name);
  ~Loop();  ///< stops; items that are left are destroyed

  void post(std::function<void()>);
  /// Ends the thread after the work posted before. The items stay until the loop goes.
  void stop();

  void add(std::unique_ptr<LoopItem>);
  /// Takes the item off; it is destroyed after the present round.
  void remove(LoopItem&);
  void set_deadline(LoopItem&, TimePoint);
  void again(LoopItem&);
  TimePoint now() const noexcept { return now_; }
  template <typename Fn>
  void for_each(Fn fn) {
    for (size_t i = items_.size(); i-- > 0;) fn(*items_[i]);
  }
  size_t size() const noexcept { return items_.size(); }

  /// Room for what one item does in one go, so that idle items need no buffers of their own.
  std::string scratch_in, scratch_out;

 private:
  void run();
  int wait_ms() const;
  void run_posted();
  void run_deadlines();
  void run_again();

  base::Fd epoll_, event_;
  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;
  bool stopping_ = false;
  std::vector<std::unique_ptr<LoopItem>> items_, graveyard_;
  std::vector<LoopItem*> again_;
  std::set<std::pair<TimePoint, LoopItem*>> timers_;
  TimePoint now_;
  std::string name_;
  std::thread thread_;
};

}  // namespace operon::http
