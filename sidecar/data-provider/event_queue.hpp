/// data-provider/event_queue.hpp: what gRPC has to tell, one thing after the other, on one thread.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <thread>

#include "eagerness.hpp"

namespace grpc {
class ServerCompletionQueue;
}

namespace operon::data_provider {

/// What gRPC is given with an operation, to be told of its end.
class Event {
 public:
  /// On the queue's thread. `ok` as gRPC says it for the operation. The event may be gone afterwards.
  virtual void happened(bool ok) = 0;

 protected:
  ~Event() = default;
};

/// A member function as an event.
template <class Owner>
class EventOf final : public Event {
 public:
  using Handler = void (Owner::*)(bool ok);
  EventOf(Owner& owner, Handler handler) : owner_(owner), handler_(handler) {}
  void happened(bool ok) override { (owner_.*handler_)(ok); }

 private:
  Owner& owner_;
  const Handler handler_;
};

/// All calls share its thread: nothing that happens on it may block.
class EventQueue {
 public:
  /// Every tag of `queue` is an Event*, or gRPC's own. The thread runs from now on.
  EventQueue(std::unique_ptr<grpc::ServerCompletionQueue> queue, EagernessLimits);
  ~EventQueue();

  /// Calls `work` on the thread. From any thread, until stop().
  void post(std::function<void()> work);
  /// Once the server has been shut down, and while it is still there: answers need it. Returns when the last RPC has ended.
  void stop();

  // On the thread:
  grpc::ServerCompletionQueue* get() const { return queue_.get(); }
  void call_came() { eagerness_.call_came(Eagerness::Clock::now()); }
  void rpc_made() { ++rpcs_; }
  void rpc_gone() { --rpcs_; }

 private:
  void run();
  bool next(void** tag, bool* ok);

  const std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  Eagerness eagerness_;
  size_t rpcs_ = 0;  // those that are waited for, too
  bool stopping_ = false;
  std::thread thread_;  // of what is above
};

}  // namespace operon::data_provider
