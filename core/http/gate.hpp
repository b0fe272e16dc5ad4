/// core/http/gate.hpp: counts connections, in all and by address.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

#include "core/metrics/metrics.hpp"

namespace operon::http {

/// Thread-safe.
class Gate {
 public:
  Gate(unsigned connections_max, unsigned per_address_max, metrics::Gauge gauge)
      : connections_max_(connections_max), per_address_max_(per_address_max), gauge_(gauge) {}

  /// One connection's place; gives it back when it goes.
  class Pass {
   public:
    Pass() = default;
    Pass(Pass&& o) noexcept : gate_(std::exchange(o.gate_, nullptr)), address_(std::move(o.address_)) {}
    Pass& operator=(Pass&& o) noexcept {
      give_back();
      gate_ = std::exchange(o.gate_, nullptr);
      address_ = std::move(o.address_);
      return *this;
    }
    ~Pass() { give_back(); }
    explicit operator bool() const noexcept { return gate_ != nullptr; }
    const std::string& address() const noexcept { return address_; }

   private:
    friend class Gate;
    void give_back() noexcept {
      if (gate_) gate_->leave(address_);
    }
    Gate* gate_ = nullptr;
    std::string address_;
  };

  /// A connection that was accepted and has not entered yet: it takes up room from the accept on, not only when a thread gets to it.
  class Arrival {
   public:
    explicit Arrival(Gate& gate) : gate_(gate) { gate_.arrived(1); }
    Arrival(const Arrival&) = delete;
    Arrival& operator=(const Arrival&) = delete;
    ~Arrival() { gate_.arrived(-1); }

   private:
    Gate& gate_;
  };

  /// Without a place when the address has `per_address_max` already.
  Pass enter(std::string address);
  /// Waits until there is room for one more, at most that long. False: there is none.
  bool wait_for_room(std::chrono::milliseconds);
  bool wait_for_empty(std::chrono::steady_clock::time_point deadline);
  unsigned count() const;

 private:
  void leave(const std::string& address) noexcept;
  void arrived(int change) noexcept;

  const unsigned connections_max_, per_address_max_;
  metrics::Gauge gauge_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::unordered_map<std::string, unsigned> by_address_;
  unsigned count_ = 0;
  unsigned arriving_ = 0;
};

}  // namespace operon::http
