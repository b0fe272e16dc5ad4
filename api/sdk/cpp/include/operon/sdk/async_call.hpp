/// operon/sdk/async_call.hpp: a question that is answered later, from any thread, without keeping one of the host's.
///
/// Copies share one call. It ends with the first reply() or fail(); dropping the last copy before that fails it (INTERNAL). When whoever
/// asked goes, or its deadline passes, it ends by itself (CANCELLED) unless on_cancel() took that over. Everything is thread-safe; after
/// the end nothing has an effect and cancelled() is true.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "operon/sdk/call.hpp"

namespace operon::sdk {

namespace detail {

class AsyncState;

/// The calls of one instance that have not ended, so that quiesce() can end them.
class OpenCalls {
 public:
  void add(AsyncState* state) {
    const std::lock_guard lock(mutex_);
    open_.insert(state);
  }
  void remove(AsyncState* state) noexcept {
    const std::lock_guard lock(mutex_);
    open_.erase(state);
  }
  void end_all() noexcept;

 private:
  std::mutex mutex_;
  std::set<AsyncState*> open_;
};

class AsyncState : public std::enable_shared_from_this<AsyncState> {
 public:
  AsyncState(RawCall raw, std::shared_ptr<OpenCalls> open) : raw_(raw), open_(std::move(open)) { open_->add(this); }
  ~AsyncState() {
    if (!ended()) end_with(Error(Code::internal, "the plugin dropped the call without an answer"));
  }
  AsyncState(const AsyncState&) = delete;
  AsyncState& operator=(const AsyncState&) = delete;

  bool ended() const noexcept { return ended_.load(std::memory_order_acquire); }
  const RawCall& raw() const noexcept { return raw_; }

  void end(std::string_view reply) noexcept {
    if (!claim()) return;
    if (close()) {
      hand_end_over([this, kept = std::string(reply)] { raw_.finish(raw_.reply(kept)); });
    } else {
      raw_.finish(raw_.reply(reply));
    }
  }
  void end_with(const Error& error) noexcept {
    if (!claim()) return;
    if (close()) {
      hand_end_over([this, error] { raw_.finish(raw_.fail(error)); });
    } else {
      raw_.finish(raw_.fail(error));
    }
  }

  /// A thread that emits: the host is told of the end when the last one has left, since nothing may be emitted after it.
  class Emitting {
   public:
    explicit Emitting(std::shared_ptr<AsyncState> state) noexcept : state_(std::move(state)), inside_(state_->enter()) {}
    ~Emitting() {
      if (inside_) state_->leave();
    }
    Emitting(const Emitting&) = delete;
    Emitting& operator=(const Emitting&) = delete;
    explicit operator bool() const noexcept { return inside_; }

   private:
    const std::shared_ptr<AsyncState> state_;
    const bool inside_;
  };

  /// Once, before the plugin sees the call. Where the host does not take it, the plugin is as free as it was.
  void end_when_cancelled() noexcept {
    try {
      hand_over(cancel_ticket_, &RawCall::on_cancel, &AsyncState::was_cancelled);
    } catch (const std::exception&) {
      return;
    }
  }
  /// The plugin's function has returned: what it did not take over until now ends by itself.
  void function_returned() noexcept {
    bool end = false;
    {
      const std::lock_guard lock(mutex_);
      returned_ = true;
      end = cancelled_ && !taken_over_;
    }
    if (end) end_with(Error(Code::cancelled, cancelled_words));
  }
  /// Instead of ending the call.
  void when_cancelled(std::function<void()> function) {
    {
      const std::lock_guard lock(mutex_);
      if (ended()) throw Error(Code::cancelled, "the call has ended");
      if (taken_over_) throw Error(Code::already_exists, "the call has an on_cancel() already");
      taken_over_ = true;
      if (!cancelled_) {
        when_cancelled_ = std::move(function);
        return;
      }
    }
    function();
  }
  /// The host takes one callback at a time: it stays registered for whoever asked last.
  void when_writable(std::function<void()> function) {
    std::function<void()> before;  // may hold a copy of the call: goes without the lock
    {
      const std::lock_guard lock(mutex_);
      if (ended()) throw Error(Code::cancelled, "the call has ended");
      before = std::exchange(when_writable_, std::move(function));
      if (std::exchange(writable_asked_, true)) return;
    }
    try {
      hand_over(writable_ticket_, &RawCall::on_writable, &AsyncState::became_writable);
    } catch (...) {
      take_writable();
      throw;
    }
  }

 private:
  static constexpr uint32_t closed = 1u << 31, end_is_there = 1u << 30, emitting = end_is_there - 1;

  bool enter() noexcept {
    uint32_t gate = gate_.load(std::memory_order_acquire);
    do {
      if ((gate & closed) != 0) return false;
    } while (!gate_.compare_exchange_weak(gate, gate + 1, std::memory_order_acq_rel, std::memory_order_acquire));
    return true;
  }
  void leave() noexcept {
    const uint32_t before = gate_.fetch_sub(1, std::memory_order_acq_rel);
    if ((before & emitting) == 1 && (before & end_is_there) != 0) end_();
  }
  /// True: somebody emits.
  bool close() noexcept { return (gate_.fetch_or(closed, std::memory_order_acq_rel) & emitting) != 0; }
  void hand_end_over(std::function<void()> end) noexcept {
    end_ = std::move(end);
    if ((gate_.fetch_or(end_is_there, std::memory_order_acq_rel) & emitting) == 0) end_();
  }

  bool keep(Callbacks::Ticket& place, Callbacks::Ticket ticket) {
    const std::lock_guard lock(mutex_);
    if (ended()) return false;
    place = ticket;
    return true;
  }
  void hand_over(Callbacks::Ticket& place, operon_status (RawCall::*register_callback)(operon_callback, void*) const noexcept,
                 void (AsyncState::*function)()) {
    auto& callbacks = Callbacks::instance();
    const auto ticket = callbacks.add([weak = weak_from_this(), function] {
      if (const auto self = weak.lock()) (self.get()->*function)();
    });
    operon_status status = OPERON_CANCELLED;
    if (keep(place, ticket)) status = (raw_.*register_callback)(&Callbacks::fire, Callbacks::arg(ticket));
    if (status == OPERON_OK) return;
    callbacks.drop(ticket);
    throw make_error(status, "the host does not take the callback", {});
  }

  static constexpr const char* cancelled_words = "whoever asked has gone, or the time is over";

  void was_cancelled() {
    std::function<void()> function;
    {
      const std::lock_guard lock(mutex_);
      cancelled_ = true;
      if (!returned_ && !taken_over_) return;
      function.swap(when_cancelled_);
    }
    function ? function() : end_with(Error(Code::cancelled, cancelled_words));
  }

  std::function<void()> take_writable() {
    const std::lock_guard lock(mutex_);
    writable_asked_ = false;
    return std::exchange(when_writable_, nullptr);
  }
  void became_writable() {
    if (const auto function = take_writable()) function();
  }

  bool claim() noexcept {
    if (ended_.exchange(true, std::memory_order_acq_rel)) return false;
    open_->remove(this);
    std::function<void()> cancelled, writable;  // may hold a copy of the call: go without the lock
    const std::lock_guard lock(mutex_);
    cancelled.swap(when_cancelled_);
    writable.swap(when_writable_);
    for (const auto ticket : {cancel_ticket_, writable_ticket_}) Callbacks::instance().drop(ticket);
    return true;
  }

  RawCall raw_;
  std::shared_ptr<OpenCalls> open_;
  std::atomic<bool> ended_{false};
  std::atomic<uint32_t> gate_{0};  ///< how many emit; and the bits above
  std::function<void()> end_;
  std::mutex mutex_;
  Callbacks::Ticket cancel_ticket_ = 0, writable_ticket_ = 0;
  std::function<void()> when_cancelled_, when_writable_;
  bool cancelled_ = false, taken_over_ = false, returned_ = false, writable_asked_ = false;
};

inline void OpenCalls::end_all() noexcept {
  for (;;) {
    std::shared_ptr<AsyncState> state;
    {
      const std::lock_guard lock(mutex_);
      for (auto it = open_.begin(); it != open_.end() && !state; it = open_.erase(it)) state = (*it)->weak_from_this().lock();
    }
    if (!state) return;
    state->end_with(Error(Code::cancelled, "the plugin is stopping"));
  }
}

}  // namespace detail

/// What is common to all, whatever the answer.
class AnyAsyncCall {
 public:
  explicit AnyAsyncCall(std::shared_ptr<detail::AsyncState> state) noexcept : state_(std::move(state)) {}

  bool ended() const noexcept { return state_->ended(); }
  bool cancelled() const noexcept { return state_->ended() || raw().cancelled(); }
  int cancel_fd() const noexcept { return state_->ended() ? -1 : raw().cancel_fd(); }
  int64_t deadline_unix_ms() const noexcept { return state_->ended() ? 0 : raw().deadline_unix_ms(); }  ///< 0 = none
  std::string metadata(std::string_view key) const { return state_->ended() ? std::string() : std::string(raw().metadata(key)); }

  /// Once a call; `function` runs on a thread of the host's, or here when it is too late already, and must not block. The call is then its
  /// to end. Let it own what it touches.
  void on_cancel(std::function<void()> function) const { state_->when_cancelled(std::move(function)); }
  /// Runs `function` once as soon as try_emit would take something again, or the call is cancelled. Asked for again before that, the
  /// latest function runs alone. The same rules.
  void on_writable(std::function<void()> function) const {
    const detail::AsyncState::Emitting open(state_);
    if (!open) throw Error(Code::cancelled, "the call has ended");
    state_->when_writable(std::move(function));
  }

  /// False = full, nothing was taken: on_writable(). Throws Error(cancelled, deadline_exceeded) when nobody listens any more.
  bool try_emit(Stream stream, std::string_view chunk) const {
    const detail::AsyncState::Emitting open(state_);
    if (!open) throw Error(Code::cancelled, "the call has ended");
    return detail::try_emit(raw(), stream, chunk);
  }
  void progress(std::string_view message, std::optional<double> done = {}, std::optional<double> total = {}) const {
    if (const detail::AsyncState::Emitting open(state_); open) raw().emit(Stream::progress, detail::progress_json(message, done, total));
  }
  size_t read_blob(std::string_view blob, uint64_t offset, char* into, size_t size) const {
    if (state_->ended()) throw Error(Code::cancelled, "the call has ended");
    return Call(raw()).read_blob(blob, offset, into, size);
  }

  void fail(const Error& error) const noexcept { state_->end_with(error); }
  /// Ends the call with JSON text.
  void reply_text(std::string_view json) const noexcept { state_->end(json); }
  /// Runs `function`; what it throws is the call's failure. For code on threads of the plugin's own.
  template <class Function>
  void guard(Function&& function) const noexcept {
    if (state_->ended()) return;
    try {
      function();
    } catch (const Error& e) {
      state_->end_with(e);
    } catch (const std::exception& e) {
      state_->end_with(Error(Code::internal, std::string("the plugin threw an exception: ") + e.what()));
    } catch (...) {
      state_->end_with(Error(Code::internal, "the plugin threw something that is not a std::exception"));
    }
  }
  const detail::RawCall& raw() const noexcept { return state_->raw(); }

 protected:
  /// Emits all, waiting for room without a thread, then ends the call.
  void reply_items(std::shared_ptr<const std::vector<std::string>> items, size_t next = 0) const noexcept {
    guard([&] {
      for (; next < items->size(); ++next) {
        if (!try_emit(Stream::item, (*items)[next])) {
          on_writable([self = *this, items, next] { self.reply_items(items, next); });
          return;
        }
      }
      reply_text("{}");
    });
  }

 private:
  std::shared_ptr<detail::AsyncState> state_;
};

/// A call whose answer is an Answer: void, a struct with to_json, JSON, or std::vector<T>, whose elements are emitted as items.
template <class Answer = void>
class AsyncCall : public AnyAsyncCall {
 public:
  using AnyAsyncCall::AnyAsyncCall;

  void reply(const Answer& answer) const noexcept {
    guard([&] { reply_text(dump(nlohmann::json(answer))); });
  }
};

template <>
class AsyncCall<void> : public AnyAsyncCall {
 public:
  using AnyAsyncCall::AnyAsyncCall;
  void reply() const noexcept { reply_text("{}"); }
};

template <class T>
class AsyncCall<std::vector<T>> : public AnyAsyncCall {
 public:
  using AnyAsyncCall::AnyAsyncCall;
  void reply(const std::vector<T>& answer) const noexcept {
    guard([&] {
      auto items = std::make_shared<std::vector<std::string>>();
      items->reserve(answer.size());
      for (const auto& element : answer) items->push_back(dump(nlohmann::json(element)));
      reply_items(std::move(items));
    });
  }
};

}  // namespace operon::sdk
