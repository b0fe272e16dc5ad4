#include "core/plugin/operation.hpp"

#include <array>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <vector>

#include "core/plugin/call_slot.hpp"
#include "core/plugin/operations_open.hpp"

namespace operon::plugin {
namespace {

std::string details_of(const Error& error) {
  nlohmann::json details = nlohmann::json::object();
  if (!error.reason().empty()) details["reason"] = error.reason();
  if (!error.field().empty()) details["field"] = error.field();
  if (error.retry_after_ms()) details["retryAfterMs"] = *error.retry_after_ms();
  return details.empty() ? std::string() : details.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

operon_str str(std::string_view text) noexcept {
  return text.empty() ? operon_str{nullptr, 0} : operon_str{text.data(), text.size()};
}

/// How the question ends; kept while the sink is busy with a chunk.
struct End {
  operon_status status;
  std::string text, details;
};

class Operation final : public base::ServiceCall, public OpenOperation {
 public:
  explicit Operation(Question q) : q_(std::move(q)) {}
  ~Operation() override {
    if (!ended_) end({OPERON_INTERNAL, "the host service dropped the question without an answer", {}});
    open_operations().remove(q_.handle, *q_.core);
  }

  std::string_view verb() const noexcept override { return q_.verb; }
  std::string_view request_json() const noexcept override { return q_.request; }
  std::string_view instance() const noexcept override { return q_.core->name; }
  int64_t deadline_unix_ms() const noexcept override { return q_.deadline_unix_ms; }
  bool cancelled() const noexcept override {
    std::lock_guard lock(mutex_);
    return cancelled_;
  }

  void on_cancel(std::function<void()> function) override {
    {
      std::lock_guard lock(mutex_);
      if (!cancelled_) {
        on_cancel_ = std::move(function);
        return;
      }
    }
    function();
  }

  void on_resume(std::function<void()> function) override {
    std::unique_lock lock(mutex_);
    on_resume_ = function;
    bool missed = std::exchange(resume_missed_, false);
    lock.unlock();
    if (missed) function();
  }

  bool chunk(uint32_t stream, std::string_view data) override {
    std::unique_lock lock(mutex_);
    if (ended_ || abandoned_ || cancelled_ || q_.sink.chunk == nullptr) return true;  // nobody wants it: taken and dropped
    if (busy_) return full_ = true, false;
    for (;;) {
      uint32_t seq = resumes_;
      busy_ = true;
      lock.unlock();
      operon_status status = q_.sink.chunk(q_.sink.arg, stream, str(data));
      lock.lock();
      busy_ = false;
      calm_.notify_all();
      if (waiting_end_) return deliver_end(lock), true;
      if (status == OPERON_OK) return wake_after_busy(lock), true;
      if (status != OPERON_RESOURCE_EXHAUSTED) {
        lock.unlock();
        if (status != OPERON_CANCELLED)
          q_.core->fault("the sink's chunk() returned a status that is none of OK, RESOURCE_EXHAUSTED, CANCELLED");
        cancel();
        return true;
      }
      if (resumes_ != seq) continue;  // resume() came before we knew that it was full
      full_ = true;
      return false;
    }
  }

  void reply(std::string_view json) override { end({OPERON_OK, std::string(json), {}}); }
  void fail(const Error& error) override {
    operon_status status = error.code() == Code::ok ? OPERON_INTERNAL : static_cast<operon_status>(error.code());
    end({status, error.what(), details_of(error)});
  }

  void cancel() noexcept override {
    std::function<void()> function;
    {
      std::lock_guard lock(mutex_);
      if (cancelled_ || ended_) return;
      cancelled_ = true;
      function = std::move(on_cancel_);
      on_cancel_ = nullptr;
    }
    call(function);
  }

  void resume() noexcept override {
    std::function<void()> function;
    {
      std::lock_guard lock(mutex_);
      ++resumes_;
      if (!full_) return;
      full_ = false;
      function = on_resume_;
      if (!function) resume_missed_ = true;
    }
    call(function);
  }

  void abandon() noexcept override {
    {
      std::unique_lock lock(mutex_);
      abandoned_ = true;
      calm_.wait(lock, [&] { return !busy_; });
    }
    open_operations().remove(q_.handle, *q_.core);
    cancel();
  }

 private:
  /// A function of a service's: what it throws has nowhere to go but the service's own failure.
  void call(const std::function<void()>& function) noexcept {
    if (!function) return;
    try {
      function();
    } catch (const std::exception& e) {
      end({OPERON_INTERNAL, std::string("the host service failed: ") + e.what(), {}});
    }
  }

  void end(End how) noexcept {
    std::unique_lock lock(mutex_);
    if (ended_) return;
    ended_ = true;
    waiting_end_ = std::make_unique<End>(std::move(how));
    on_cancel_ = nullptr;
    on_resume_ = nullptr;
    if (!busy_) deliver_end(lock);
  }

  /// The sink is free and `waiting_end_` is set.
  void deliver_end(std::unique_lock<std::mutex>& lock) noexcept {
    std::unique_ptr<End> how = std::move(waiting_end_);
    if (abandoned_) return;
    busy_ = true;
    // Before the handle goes: whoever ends the instance finds one or the other, and does not destroy it under the sink.
    q_.core->enter_anyway();
    lock.unlock();
    open_operations().remove(q_.handle, *q_.core);
    q_.sink.done(q_.sink.arg, how->status, str(how->text), str(how->details));
    q_.core->leave();
    lock.lock();
    busy_ = false;
    calm_.notify_all();
  }

  /// Somebody else's chunk came while the sink was busy and was told "full".
  void wake_after_busy(std::unique_lock<std::mutex>& lock) noexcept {
    if (!full_) return;
    full_ = false;
    std::function<void()> function = on_resume_;
    if (!function) resume_missed_ = true;
    lock.unlock();
    call(function);
  }

  const Question q_;
  mutable std::mutex mutex_;
  std::condition_variable calm_;
  std::function<void()> on_cancel_, on_resume_;
  std::unique_ptr<End> waiting_end_;
  uint32_t resumes_ = 0;
  bool busy_ = false, full_ = false, resume_missed_ = false, cancelled_ = false, ended_ = false, abandoned_ = false;
};

}  // namespace

std::shared_ptr<base::ServiceCall> make_operation(Question question) {
  uint64_t handle = question.handle;
  InstanceCore& core = *question.core;
  auto operation = std::make_shared<Operation>(std::move(question));
  open_operations().add(handle, core, operation);
  return operation;
}

}  // namespace operon::plugin
