/// operon/sdk/call.hpp: the question a blocking verb is answering. Lives as long as the verb runs; keep no reference to it.
#pragma once

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include "operon/sdk/callbacks.hpp"
#include "operon/sdk/raw_call.hpp"

namespace operon::sdk {

/// Byte streams are cut into pieces of this size, so that one chunk always fits the host's stream buffer.
inline constexpr size_t chunk_bytes_max = 64u << 10;

namespace detail {

inline int64_t unix_ms_now() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

inline Error cancelled_error(const RawCall& call) {
  const int64_t deadline = call.deadline_unix_ms();
  if (deadline != 0 && unix_ms_now() >= deadline) return Error(Code::deadline_exceeded, "the deadline has passed");
  return Error(Code::cancelled, "whoever asked has gone");
}

/// True = taken, false = full. Throws Error when the call has ended or the host refuses.
inline bool try_emit(const RawCall& call, Stream stream, std::string_view chunk) {
  const operon_status status = call.emit(stream, chunk);
  if (status == OPERON_OK) return true;
  if (status == OPERON_RESOURCE_EXHAUSTED) return false;
  if (status == OPERON_CANCELLED || status == OPERON_DEADLINE_EXCEEDED) throw cancelled_error(call);
  throw make_error(status, "the host refused a chunk of " + std::to_string(chunk.size()) + " bytes", {});
}

inline std::string progress_json(std::string_view message, std::optional<double> done, std::optional<double> total) {
  nlohmann::json progress = {{"message", message}};
  if (done) progress["done"] = *done;
  if (total) progress["total"] = *total;
  return dump(progress);
}

}  // namespace detail

class Call {
 public:
  explicit Call(detail::RawCall raw) noexcept : raw_(raw) {}
  ~Call() {
    if (cancel_ticket_ != 0) detail::Callbacks::instance().drop_and_wait(cancel_ticket_);
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  /// Whoever asked has gone, or the deadline has passed.
  bool cancelled() const noexcept { return raw_.cancelled(); }
  void throw_if_cancelled() const {
    if (cancelled()) throw detail::cancelled_error(raw_);
  }
  /// Readable on cancellation; poll it, never read or close it. -1 when the host has none left: ask cancelled() now and then.
  int cancel_fd() const noexcept { return raw_.cancel_fd(); }
  std::optional<std::chrono::system_clock::time_point> deadline() const noexcept {
    const int64_t ms = raw_.deadline_unix_ms();
    if (ms == 0) return std::nullopt;
    return std::chrono::system_clock::time_point(std::chrono::milliseconds(ms));
  }
  /// "request-id", "job-id", "user", "traceparent"; empty when unknown.
  std::string metadata(std::string_view key) const { return std::string(raw_.metadata(key)); }

  /// Once a call. `function` runs on a thread of the host's, must not block, and does not run any more when the verb has returned.
  void on_cancel(std::function<void()> function) {
    if (cancel_ticket_ != 0) throw Error(Code::already_exists, "on_cancel was called twice for one call");
    cancel_ticket_ = detail::Callbacks::instance().add(std::move(function));
    const operon_status status = raw_.on_cancel(&detail::Callbacks::fire, detail::Callbacks::arg(cancel_ticket_));
    if (status != OPERON_OK) throw make_error(status, "the host does not take a cancellation callback", {});
  }

  /// Sleeps; false when the call was cancelled meanwhile.
  bool sleep(std::chrono::milliseconds time) const {
    const auto until = std::chrono::steady_clock::now() + time;
    for (;;) {
      if (cancelled()) return false;
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
      if (left.count() <= 0) return true;
      int64_t wait = left.count();
      if (const int64_t deadline = raw_.deadline_unix_ms()) wait = std::min(wait, std::max<int64_t>(1, deadline - detail::unix_ms_now()));
      const int fd = cancel_fd();
      if (fd < 0) wait = std::min<int64_t>(wait, 20);
      pollfd poll_fd{fd, POLLIN, 0};
      ::poll(&poll_fd, 1, static_cast<int>(std::min<int64_t>(wait, 60'000)));
    }
  }

  /// False = full, nothing was taken. Throws Error(cancelled, deadline_exceeded) when nobody listens any more.
  bool try_emit(Stream stream, std::string_view chunk) { return detail::try_emit(raw_, stream, chunk); }

  /// Waits until the host has taken it all. Throws Error(cancelled, deadline_exceeded) when nobody listens any more.
  void emit(Stream stream, std::string_view bytes) {
    const bool raw_bytes = stream == Stream::out || stream == Stream::err;
    do {
      const auto piece = raw_bytes ? bytes.substr(0, chunk_bytes_max) : bytes;
      while (!try_emit(stream, piece)) wait_writable();
      bytes.remove_prefix(piece.size());
    } while (!bytes.empty());
  }
  /// One element of a list.
  template <class T>
  void item(const T& value) {
    emit(Stream::item, dump(nlohmann::json(value)));
  }
  /// One JSON object about the bytes that follow.
  template <class T>
  void event(const T& value) {
    emit(Stream::event, dump(nlohmann::json(value)));
  }
  /// For people; dropped when the stream is full.
  void progress(std::string_view message, std::optional<double> done = {}, std::optional<double> total = {}) {
    raw_.emit(Stream::progress, detail::progress_json(message, done, total));
  }

  /// Reads up to `size` bytes of a blob that the request names; 0 at the end.
  size_t read_blob(std::string_view blob, uint64_t offset, char* into, size_t size) const {
    const int64_t got = raw_.blob_read(blob, offset, into, size);
    if (got < 0) throw make_error(static_cast<operon_status>(-got), "blob '" + std::string(blob) + "' could not be read", {});
    return static_cast<size_t>(got);
  }
  /// The whole blob. Throws Error(resource_exhausted) past `blob_bytes_max`.
  std::string read_blob(std::string_view blob, size_t blob_bytes_max) const {
    std::string content;
    std::string piece(chunk_bytes_max, '\0');
    while (const size_t got = read_blob(blob, content.size(), piece.data(), piece.size())) {
      if (content.size() + got > blob_bytes_max) {
        throw Error(Code::resource_exhausted,
                    "blob '" + std::string(blob) + "' is larger than " + std::to_string(blob_bytes_max) + " bytes");
      }
      content.append(piece, 0, got);
    }
    return content;
  }

  /// The answer as JSON text, for verbs that return void and answer by hand.
  void reply_text(std::string_view json) {
    replied_ = true;
    const operon_status status = raw_.reply(json);
    if (status != OPERON_OK) throw make_error(status, "the host refused the answer", {});
  }
  bool replied() const noexcept { return replied_; }
  const detail::RawCall& raw() const noexcept { return raw_; }

 private:
  void wait_writable() {
    auto signal = std::make_shared<detail::Signal>();
    auto& callbacks = detail::Callbacks::instance();
    const auto ticket = callbacks.add([signal] { signal->fire(); });
    const operon_status status = raw_.on_writable(&detail::Callbacks::fire, detail::Callbacks::arg(ticket));
    if (status != OPERON_OK) {
      callbacks.drop(ticket);
      throw_if_cancelled();
      throw make_error(status, "the host does not say when its stream has room again", {});
    }
    signal->wait();
    throw_if_cancelled();
  }

  detail::RawCall raw_;
  detail::Callbacks::Ticket cancel_ticket_ = 0;
  bool replied_ = false;
};

}  // namespace operon::sdk
