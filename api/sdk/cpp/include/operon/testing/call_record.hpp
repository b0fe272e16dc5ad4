/// operon/testing/call_record.hpp: a call as the testing host keeps it: what was asked, what came, and every breach of the contract.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "operon/sdk/call.hpp"

namespace operon::testing {

/// One chunk of a stream.
struct Chunk {
  sdk::Stream stream;
  std::string data;
};

/// How a call ended, with all its chunks.
struct Result {
  Code code = Code::ok;
  std::optional<Error> error;  ///< set when code is not ok
  std::string text;            ///< the answer's JSON; empty when none was given
  std::vector<Chunk> chunks;

  bool ok() const { return code == Code::ok; }
  /// The answer; throws the error.
  nlohmann::json json() const {
    if (error) throw *error;
    return text.empty() ? nlohmann::json() : nlohmann::json::parse(text);
  }
  template <class T>
  T as() const {
    return json().get<T>();
  }
  /// The elements of a list.
  std::vector<nlohmann::json> items() const { return parsed(sdk::Stream::item); }
  template <class T>
  std::vector<T> items_as() const {
    std::vector<T> out;
    for (const auto& item : items()) out.push_back(item.get<T>());
    return out;
  }
  std::vector<nlohmann::json> events() const { return parsed(sdk::Stream::event); }
  std::vector<nlohmann::json> progress() const { return parsed(sdk::Stream::progress); }
  /// All bytes of one stream, in order.
  std::string bytes(sdk::Stream stream = sdk::Stream::out) const {
    std::string all;
    for (const auto& chunk : chunks) {
      if (chunk.stream == stream) all += chunk.data;
    }
    return all;
  }

 private:
  std::vector<nlohmann::json> parsed(sdk::Stream stream) const {
    std::vector<nlohmann::json> out;
    for (const auto& chunk : chunks) {
      if (chunk.stream == stream) out.push_back(nlohmann::json::parse(chunk.data));
    }
    return out;
  }
};

/// What goes with a request.
struct Options {
  std::chrono::milliseconds timeout{0};  ///< 0 = no deadline
  std::map<std::string, std::string> metadata{};
  std::map<std::string, std::string> blobs{};    ///< content by handle
  size_t chunks_unread_max = SIZE_MAX;           ///< emit is refused while so many chunks wait for PendingCall::take
  std::function<void(const Chunk&)> on_chunk{};  ///< sees each chunk that is taken, on the thread that emits it
};

namespace detail {

/// Breaches of the contract, shared by a host and its calls.
class Breaches {
 public:
  void add(std::string what) {
    const std::lock_guard lock(mutex_);
    all_.push_back(std::move(what));
  }
  std::vector<std::string> all() const {
    const std::lock_guard lock(mutex_);
    return all_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> all_;
};

/// What an operon_call really is here. Kept until the host goes, so that late use is seen rather than undefined.
class CallRecord {
 public:
  CallRecord(std::string what, Options options, std::shared_ptr<Breaches> breaches)
      : what_(std::move(what)), options_(std::move(options)), breaches_(std::move(breaches)), fd_(::eventfd(0, EFD_CLOEXEC)) {
    if (options_.timeout.count() != 0) deadline_ = sdk::detail::unix_ms_now() + options_.timeout.count();
  }
  ~CallRecord() { ::close(fd_); }
  CallRecord(const CallRecord&) = delete;
  CallRecord& operator=(const CallRecord&) = delete;

  operon_call* handle() { return reinterpret_cast<operon_call*>(this); }
  static CallRecord& of(const operon_call* call) { return *reinterpret_cast<CallRecord*>(const_cast<operon_call*>(call)); }
  static const operon_call_api* api();

  void cancel(bool deadline_passed = false) {
    Callback cancelled, writable;
    std::vector<std::function<void()>> children;
    {
      const std::lock_guard lock(mutex_);
      if (cancelled_) return;
      cancelled_ = true;
      if (deadline_passed) deadline_ = std::min(deadline_ == 0 ? INT64_MAX : deadline_, sdk::detail::unix_ms_now());
      if (ended_) return;
      const uint64_t one = 1;
      if (::write(fd_, &one, sizeof one) < 0) breaches_->add("the testing host could not signal a cancellation");
      cancelled = std::exchange(on_cancel_, {});
      writable = std::exchange(on_writable_, {});
      children.swap(children_);
    }
    cancelled.run();
    writable.run();
    for (const auto& child : children) child();
  }
  /// Runs `function` on cancellation: how a question to a service follows its parent.
  void with_cancellation(std::function<void()> function) {
    {
      const std::lock_guard lock(mutex_);
      if (!cancelled_) {
        children_.push_back(std::move(function));
        return;
      }
    }
    function();
  }

  int64_t deadline_unix_ms() const { return deadline_; }
  void returned(operon_status status) {
    const std::lock_guard lock(mutex_);
    returned_ = true;
    if (status == OPERON_PENDING) {
      end_if_both();
    } else {
      if (finished_) breach("finish was called although the verb did not return OPERON_PENDING");
      end(status);
    }
  }
  std::optional<Result> wait(std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, limit, [&] { return ended_; })) return std::nullopt;
    Result result{static_cast<Code>(status_), error_, reply_, chunks_};
    if (status_ != OPERON_OK && !result.error) result.error = Error(result.code, "no reason given");
    if (status_ == OPERON_OK) result.error.reset();
    return result;
  }
  /// The next unread chunk; makes room for another one.
  std::optional<Chunk> take(std::chrono::milliseconds limit) {
    Callback writable;
    std::optional<Chunk> chunk;
    {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, limit, [&] { return taken_ < chunks_.size() || ended_; });
      if (taken_ == chunks_.size()) return std::nullopt;
      chunk = chunks_[taken_++];
      writable = std::exchange(on_writable_, {});
    }
    writable.run();
    return chunk;
  }

 private:
  friend struct CallFunctions;
  struct Callback {
    operon_callback function = nullptr;
    void* arg = nullptr;
    void run() const {
      if (function) function(arg);
    }
  };

  void breach(const std::string& what) { breaches_->add(what_ + ": " + what); }
  /// True when the plugin may not use the call any more.
  bool late(const char* function) {
    if (ended_) breach(std::string(function) + " was called after the call had ended");
    return ended_;
  }
  bool expired() const { return deadline_ != 0 && sdk::detail::unix_ms_now() >= deadline_; }
  void end_if_both() {
    if (returned_ && finished_) end(finish_status_);
  }
  void end(operon_status status) {
    ended_ = true;
    status_ = status < OPERON_OK || status > OPERON_UNAUTHENTICATED ? static_cast<operon_status>(OPERON_INTERNAL) : status;
    if (status_ != status) breach("ended with the status " + std::to_string(status) + ", which does not exist");
    changed_.notify_all();
  }

  const std::string what_;
  const Options options_;
  const std::shared_ptr<Breaches> breaches_;
  const int fd_;

  std::mutex mutex_;
  std::condition_variable changed_;
  int64_t deadline_ = 0;
  bool cancelled_ = false, returned_ = false, finished_ = false, replied_ = false, ended_ = false;
  operon_status finish_status_ = OPERON_OK, status_ = OPERON_OK;
  std::string reply_;
  std::optional<Error> error_;
  std::vector<Chunk> chunks_;
  size_t taken_ = 0;
  Callback on_cancel_, on_writable_;
  bool has_on_cancel_ = false;
  std::vector<std::function<void()>> children_;
};

/// The functions of operon_call_api.
struct CallFunctions {
  static int32_t is_cancelled(const operon_call* call) noexcept {
    auto& record = CallRecord::of(call);
    const std::lock_guard lock(record.mutex_);
    return record.cancelled_ || record.ended_ || record.expired();
  }
  static int64_t deadline_unix_ms(const operon_call* call) noexcept {
    auto& record = CallRecord::of(call);
    const std::lock_guard lock(record.mutex_);
    return record.deadline_;
  }
  static operon_str metadata(const operon_call* call, operon_str key) noexcept {
    const auto& all = CallRecord::of(call).options_.metadata;
    const auto it = all.find(std::string(sdk::view(key)));
    return it == all.end() ? operon_str{nullptr, 0} : sdk::str(it->second);
  }
  static operon_status on_cancel(operon_call* call, operon_callback function, void* arg) noexcept {
    auto& record = CallRecord::of(call);
    {
      const std::lock_guard lock(record.mutex_);
      if (record.late("on_cancel")) return OPERON_CANCELLED;
      if (std::exchange(record.has_on_cancel_, true)) return OPERON_ALREADY_EXISTS;
      if (!record.cancelled_) {
        record.on_cancel_ = {function, arg};
        return OPERON_OK;
      }
    }
    function(arg);
    return OPERON_OK;
  }
  static int32_t cancel_fd(operon_call* call) noexcept { return CallRecord::of(call).fd_; }
  static operon_status reply(operon_call* call, operon_str json) noexcept {
    auto& record = CallRecord::of(call);
    const std::lock_guard lock(record.mutex_);
    if (record.late("reply")) return OPERON_CANCELLED;
    if (std::exchange(record.replied_, true)) {
      record.breach("reply was called twice");
      return OPERON_ALREADY_EXISTS;
    }
    if (!nlohmann::json::accept(sdk::view(json))) {
      record.breach("the answer is not JSON");
      return OPERON_INVALID_ARGUMENT;
    }
    record.reply_ = sdk::view(json);
    return OPERON_OK;
  }
  static operon_status emit(operon_call* call, uint32_t stream, operon_str chunk) noexcept {
    auto& record = CallRecord::of(call);
    const auto kind = static_cast<sdk::Stream>(stream);
    const bool bytes = kind == sdk::Stream::out || kind == sdk::Stream::err;
    const bool well_formed =
        bytes || nlohmann::json::accept(sdk::view(chunk));  // without the lock, as the host does: the call may end meanwhile
    std::unique_lock lock(record.mutex_);
    if (record.late("emit") || record.cancelled_) return OPERON_CANCELLED;
    if (!well_formed) {
      record.breach("a chunk of stream " + std::to_string(stream) + " is not JSON");
      return OPERON_INVALID_ARGUMENT;
    }
    if (record.chunks_.size() - record.taken_ >= record.options_.chunks_unread_max) return OPERON_RESOURCE_EXHAUSTED;
    record.chunks_.push_back({kind, std::string(sdk::view(chunk))});
    record.changed_.notify_all();
    lock.unlock();
    if (record.options_.on_chunk) record.options_.on_chunk({kind, std::string(sdk::view(chunk))});
    return OPERON_OK;
  }
  static operon_status on_writable(operon_call* call, operon_callback function, void* arg) noexcept {
    auto& record = CallRecord::of(call);
    {
      const std::lock_guard lock(record.mutex_);
      if (record.late("on_writable")) return OPERON_CANCELLED;
      if (record.on_writable_.function != nullptr) return OPERON_ALREADY_EXISTS;
      if (!record.cancelled_ && record.chunks_.size() - record.taken_ >= record.options_.chunks_unread_max) {
        record.on_writable_ = {function, arg};
        return OPERON_OK;
      }
    }
    function(arg);
    return OPERON_OK;
  }
  static int64_t blob_read(operon_call* call, operon_str blob, uint64_t offset, void* into, size_t size) noexcept {
    const auto& all = CallRecord::of(call).options_.blobs;
    const auto it = all.find(std::string(sdk::view(blob)));
    if (it == all.end()) return -OPERON_NOT_FOUND;
    if (offset >= it->second.size()) return 0;
    const size_t got = std::min<size_t>(size, it->second.size() - offset);
    std::memcpy(into, it->second.data() + offset, got);
    return static_cast<int64_t>(got);
  }
  static operon_status fail(operon_call* call, operon_status status, operon_str message, operon_str details) noexcept {
    auto& record = CallRecord::of(call);
    const std::lock_guard lock(record.mutex_);
    if (record.late("fail")) return OPERON_CANCELLED;
    record.error_ = sdk::make_error(status, sdk::view(message), sdk::view(details));
    return OPERON_OK;
  }
  static operon_status finish(operon_call* call, operon_status status) noexcept {
    auto& record = CallRecord::of(call);
    const std::lock_guard lock(record.mutex_);
    if (record.late("finish")) return OPERON_CANCELLED;
    if (std::exchange(record.finished_, true)) {
      record.breach("finish was called twice");
      return OPERON_ALREADY_EXISTS;
    }
    record.finish_status_ = status;
    record.end_if_both();
    return OPERON_OK;
  }
};

inline const operon_call_api* CallRecord::api() {
  using F = CallFunctions;
  static const operon_call_api api = {sizeof(operon_call_api),
                                      0,
                                      &F::is_cancelled,
                                      &F::deadline_unix_ms,
                                      &F::metadata,
                                      &F::on_cancel,
                                      &F::cancel_fd,
                                      &F::reply,
                                      &F::emit,
                                      &F::on_writable,
                                      &F::blob_read,
                                      &F::fail,
                                      &F::finish};
  return &api;
}

}  // namespace detail
}  // namespace operon::testing
