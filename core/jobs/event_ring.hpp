/// core/jobs/event_ring.hpp: the newest changes, and who wants to know of them.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "core/jobs/jobs.hpp"

namespace operon::jobs {

inline constexpr size_t events_kept_max = 10000;

/// Thread-safe.
class EventRing {
 public:
  EventRing() : subscribers_(std::make_shared<Subscribers>()) {}

  /// Where counting goes on after a restart: the next event is `revision` + 1, everything up to it is gone.
  void begin_after(uint64_t revision);
  /// The event's revision, one more than the last.
  void push(uint64_t revision, std::shared_ptr<const std::string> job_json);
  std::optional<std::vector<JobEvent>> after(uint64_t revision, unsigned max) const;
  uint64_t revision() const;

  std::shared_ptr<void> subscribe(std::function<void()>);
  /// Calls every subscriber; hold no lock that they could want.
  void tell() const;

 private:
  struct Subscribers {
    std::mutex mutex;
    uint64_t next = 0;
    std::map<uint64_t, std::shared_ptr<std::function<void()>>> all;
  };

  mutable std::mutex mutex_;
  uint64_t revision_ = 0;
  std::deque<JobEvent> events_;
  std::shared_ptr<Subscribers> subscribers_;
};

}  // namespace operon::jobs
