/// operon/sdk/async_call.hpp: a question that is answered later, from any thread, without keeping one of the host's.
///
/// Copies share one call. It ends with the first reply() or fail(); dropping the last copy before that fails it (INTERNAL). Everything
/// is thread-safe; after the end nothing has an effect and cancelled() is true.
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
    const operon_status status = raw_.reply(reply);
    raw_.finish(status);
  }
  void end_with(const Error& error) noexcept {
    if (!claim()) return;
    raw_.finish(raw_.fail(error));
  }

  bool keep(Callbacks::Ticket ticket) {
    const std::lock_guard lock(mutex_);
    if (ended()) return false;
    tickets_.push_back(ticket);
    return true;
  }

 private:
  bool claim() noexcept {
    if (ended_.exchange(true, std::memory_order_acq_rel)) return false;
    open_->remove(this);
    const std::lock_guard lock(mutex_);
    for (const auto ticket : tickets_) Callbacks::instance().drop(ticket);
    return true;
  }

  RawCall raw_;
  std::shared_ptr<OpenCalls> open_;
  std::atomic<bool> ended_{false};
  std::mutex mutex_;
  std::vector<Callbacks::Ticket> tickets_;
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

  /// Once a call; `function` runs on a thread of the host's and must not block. It may end the call. Let it own what it touches.
  void on_cancel(std::function<void()> function) const { hand_over(&detail::RawCall::on_cancel, std::move(function)); }
  /// Runs `function` once as soon as try_emit would take something again, or the call is cancelled. The same rules.
  void on_writable(std::function<void()> function) const { hand_over(&detail::RawCall::on_writable, std::move(function)); }

  /// False = full, nothing was taken: on_writable(). Throws Error(cancelled, deadline_exceeded) when nobody listens any more.
  bool try_emit(Stream stream, std::string_view chunk) const {
    if (state_->ended()) throw Error(Code::cancelled, "the call has ended");
    return detail::try_emit(raw(), stream, chunk);
  }
  void progress(std::string_view message, std::optional<double> done = {}, std::optional<double> total = {}) const {
    if (!state_->ended()) raw().emit(Stream::progress, detail::progress_json(message, done, total));
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
  void hand_over(operon_status (detail::RawCall::*register_callback)(operon_callback, void*) const noexcept,
                 std::function<void()> function) const {
    auto& callbacks = detail::Callbacks::instance();
    const auto ticket = callbacks.add(std::move(function));
    operon_status status = OPERON_CANCELLED;
    if (state_->keep(ticket)) status = (raw().*register_callback)(&detail::Callbacks::fire, detail::Callbacks::arg(ticket));
    if (status == OPERON_OK) return;
    callbacks.drop(ticket);
    throw make_error(status, "the host does not take the callback", {});
  }

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
