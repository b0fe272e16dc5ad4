/// operon/sdk/callbacks.hpp: C++ functions behind the ABI's operon_callback.
///
/// The host gets a ticket, never an address: a callback that comes after its ticket was dropped (the call ended on another thread
/// meanwhile) finds nothing and does nothing.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "operon/types.h"

namespace operon::sdk::detail {

class Callbacks {
 public:
  using Ticket = uint64_t;

  /// Never destroyed: the library is never unloaded, and the host may call until the process ends.
  static Callbacks& instance() {
    static auto* callbacks = new Callbacks;
    return *callbacks;
  }

  /// Runs `function` at most once, when the ticket is fired. What it throws is swallowed.
  Ticket add(std::function<void()> function) {
    auto entry = std::make_shared<Entry>();
    entry->function = std::move(function);
    const std::lock_guard lock(mutex_);
    entries_.emplace(++last_, std::move(entry));
    return last_;
  }

  /// Afterwards the function does not start any more.
  void drop(Ticket ticket) noexcept { take(ticket); }

  /// The same, and it is not running on another thread either.
  void drop_and_wait(Ticket ticket) noexcept {
    std::shared_ptr<Entry> entry;
    {
      const std::lock_guard lock(mutex_);
      const auto it = entries_.find(ticket);
      if (it == entries_.end()) return;
      entry = it->second;
      if (!entry->running) {
        entries_.erase(it);
        return;
      }
    }
    if (entry->thread == std::this_thread::get_id()) return;
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [&] { return !entry->running; });
  }

  static void* arg(Ticket ticket) noexcept { return reinterpret_cast<void*>(static_cast<uintptr_t>(ticket)); }

  /// The operon_callback that the host is given.
  static void fire(void* arg) noexcept { instance().run(static_cast<Ticket>(reinterpret_cast<uintptr_t>(arg))); }

 private:
  struct Entry {
    std::function<void()> function;
    bool running = false;
    std::thread::id thread;
  };

  std::shared_ptr<Entry> take(Ticket ticket) noexcept {
    const std::lock_guard lock(mutex_);
    const auto it = entries_.find(ticket);
    if (it == entries_.end() || it->second->running) return nullptr;
    auto entry = std::move(it->second);
    entries_.erase(it);
    return entry;
  }

  void run(Ticket ticket) noexcept {
    std::shared_ptr<Entry> entry;
    {
      const std::lock_guard lock(mutex_);
      const auto it = entries_.find(ticket);
      if (it == entries_.end() || it->second->running) return;
      entry = it->second;
      entry->running = true;
      entry->thread = std::this_thread::get_id();
    }
    try {
      entry->function();
    } catch (...) {  // a callback has nobody to tell
    }
    entry->function = nullptr;
    const std::lock_guard lock(mutex_);
    entry->running = false;
    entries_.erase(ticket);
    ended_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable ended_;
  Ticket last_ = 0;
  std::unordered_map<Ticket, std::shared_ptr<Entry>> entries_;
};

/// Something one thread waits for and another one fires.
class Signal {
 public:
  void fire() {
    const std::lock_guard lock(mutex_);
    fired_ = true;
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return fired_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool fired_ = false;
};

}  // namespace operon::sdk::detail
