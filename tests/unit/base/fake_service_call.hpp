/// fake_service_call.hpp: a plugin's question to a host service, as a test asks it.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>

#include "core/base/service.hpp"

namespace operon::base {

class FakeServiceCall final : public ServiceCall {
 public:
  FakeServiceCall(std::string verb, std::string request, std::string instance = "test")
      : verb_(std::move(verb)), request_(std::move(request)), instance_(std::move(instance)) {}

  std::string_view verb() const noexcept override { return verb_; }
  std::string_view request_json() const noexcept override { return request_; }
  std::string_view instance() const noexcept override { return instance_; }
  int64_t deadline_unix_ms() const noexcept override { return 0; }
  bool cancelled() const noexcept override { return false; }
  void on_cancel(std::function<void()> function) override { on_cancel_ = std::move(function); }
  bool chunk(uint32_t, std::string_view) override { return true; }
  void on_resume(std::function<void()>) override {}
  void reply(std::string_view json) override {
    end([&] { reply_ = json; });
  }
  void fail(const Error& error) override {
    end([&] { error_ = error; });
  }

  void cancel() { on_cancel_(); }
  bool ended() {
    std::lock_guard lock(mutex_);
    return reply_ || error_;
  }
  /// Waits for the end; the answer, or the error's text behind "error: ".
  std::string wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return reply_ || error_; });
    return reply_ ? *reply_ : std::string("error: ") + error_->what();
  }

 private:
  template <class F>
  void end(F set) {
    std::lock_guard lock(mutex_);
    set();
    changed_.notify_all();
  }

  std::string verb_, request_, instance_;
  std::function<void()> on_cancel_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<std::string> reply_;
  std::optional<Error> error_;
};

}  // namespace operon::base
