/// data-provider/rpc.hpp: one RPC on the event queue, from when it is waited for to its end.
#pragma once

#include <grpcpp/impl/codegen/service_type.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/async_unary_call.h>
#include <grpcpp/support/status.h>

#include "event_queue.hpp"
#include "operon/error.hpp"

namespace operon::data_provider {

/// A service whose RPCs come by the event queue. Must outlive the queue's stop().
class Served {
 public:
  virtual ~Served() = default;
  virtual grpc::Service& service() = 0;
  /// Waits for the first RPC of each kind. Once, on the queue's thread.
  virtual void serve(EventQueue&) = 0;
};

/// What a caller is told of an error, cut to what a trailer may hold.
grpc::Status status_of(const Error&);

/// Deletes itself when all its events have happened: what was begun with gRPC refers to it. Made and deleted on the queue's thread.
class Rpc {
 public:
  Rpc(const Rpc&) = delete;
  Rpc& operator=(const Rpc&) = delete;

 protected:
  explicit Rpc(EventQueue&);
  virtual ~Rpc() { queue_.rpc_gone(); }

  /// Waits for the next RPC of this kind.
  virtual void renew() = 0;
  /// A caller is there.
  virtual void begin() = 0;
  /// The caller has gone, the deadline is over, or the server was shut down. Maybe after the answer.
  virtual void cancel() {}

  /// The tag to wait for a caller with.
  void* begun() { return static_cast<Event*>(&begun_); }
  /// The tag for one more operation; its handler ends with handled(). On the queue's thread.
  void* expect(Event& event) {
    ++events_left_;
    return &event;
  }
  /// `this` may be gone afterwards.
  void handled() {
    if (--events_left_ == 0) delete this;
  }

  EventQueue& queue_;
  grpc::ServerContext context_;

 private:
  void on_begun(bool ok);
  void on_done(bool ok);

  EventOf<Rpc> begun_{*this, &Rpc::on_begun}, done_{*this, &Rpc::on_done};
  unsigned events_left_ = 1;  // begun_, and after it done_
};

/// One request, one answer: answer() comes exactly once after begin(), from any thread, and `this` may be gone after it.
template <class Request, class Response>
class UnaryRpc : public Rpc {
 protected:
  explicit UnaryRpc(EventQueue& queue) : Rpc(queue) {}

  virtual void work() = 0;

  void begin() final {
    expect(answered_);
    work();
  }
  void answer(const grpc::Status& status) {
    void* tag = static_cast<Event*>(&answered_);
    if (status.ok()) {
      writer_.Finish(response_, status, tag);
    } else {
      writer_.FinishWithError(status, tag);
    }
  }

  Request request_;
  Response response_;
  grpc::ServerAsyncResponseWriter<Response> writer_{&context_};

 private:
  void on_answered(bool) { handled(); }

  EventOf<UnaryRpc> answered_{*this, &UnaryRpc::on_answered};
};

}  // namespace operon::data_provider
