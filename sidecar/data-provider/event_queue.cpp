#include "event_queue.hpp"

#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>
#include <pthread.h>

namespace operon::data_provider {
namespace {

/// Work from another thread; deletes itself when it is done.
struct Posted final : Event {
  explicit Posted(std::function<void()> w) : work(std::move(w)) {}
  void happened(bool) override {
    work();
    delete this;
  }
  grpc::Alarm alarm;
  const std::function<void()> work;
};

}  // namespace

EventQueue::EventQueue(std::unique_ptr<grpc::ServerCompletionQueue> queue, EagernessLimits limits)
    : queue_(std::move(queue)), eagerness_(limits), thread_([this] {
        pthread_setname_np(pthread_self(), "calls");
        run();
      }) {}

EventQueue::~EventQueue() {
  stop();
}

void EventQueue::post(std::function<void()> work) {
  auto* posted = new Posted(std::move(work));
  posted->alarm.Set(queue_.get(), gpr_now(GPR_CLOCK_MONOTONIC), static_cast<Event*>(posted));
}

void EventQueue::stop() {
  if (!thread_.joinable()) return;
  post([this] { stopping_ = true; });
  thread_.join();
}

/// An RPC that is answered after the queue's shutdown would end the process: the shutdown waits for the last one.
void EventQueue::run() {
  void* tag = nullptr;
  bool ok = false, shut_down = false;
  while (next(&tag, &ok)) {
    static_cast<Event*>(tag)->happened(ok);
    if (!stopping_ || rpcs_ > 0 || shut_down) continue;
    queue_->Shutdown();
    shut_down = true;
  }
}

/// False: the queue was shut down, and nothing is left in it.
bool EventQueue::next(void** tag, bool* ok) {
  const auto spin = eagerness_.spin();
  const auto end = spin.count() > 0 ? Eagerness::Clock::now() + spin : Eagerness::Clock::time_point::min();
  do {
    const auto found = queue_->AsyncNext(tag, ok, gpr_time_0(GPR_CLOCK_MONOTONIC));
    if (found != grpc::CompletionQueue::TIMEOUT) return found == grpc::CompletionQueue::GOT_EVENT;
    eagerness_.empty();
  } while (spin.count() > 0 && Eagerness::Clock::now() < end);
  if (spin.count() > 0) eagerness_.in_vain();
  return queue_->Next(tag, ok);
}

}  // namespace operon::data_provider
