/// core/plugin/call.hpp: how the host asks a plugin's verb, whatever its kind.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "operon/error.hpp"
#include "operon/interface.h"

namespace operon::plugin {

/// Content too big for a request's JSON, readable through the call while it lives.
using Blobs = std::map<std::string, std::shared_ptr<const std::string>>;

/// What travels beside a request. Borrowed views must live until the call has ended (the call copies them when it goes to another thread).
struct CallContext {
  std::chrono::milliseconds timeout{0};  ///< 0 = the instance's default (`call_timeout_ms`); negative = none (streams)
  std::string_view request_id, job_id, user;
  std::shared_ptr<const Blobs> blobs;
};

/// reason() of a DEADLINE_EXCEEDED that the host gave because the plugin's function had begun and did not end; a plugin's own have others.
inline constexpr const char* no_answer_reason = "NoAnswer";

/// How a call ended.
struct Outcome {
  Code code = Code::ok;
  std::string reply;           ///< JSON; empty when none was given
  std::optional<Error> error;  ///< set when code is not ok
};

/// Receives a streaming or asynchronous call. Called one at a time, on any thread, never after on_end.
class CallObserver {
 public:
  virtual ~CallObserver() = default;
  /// One chunk. False = full, nothing was taken: call CallHandle::writable() when there is room again.
  virtual bool on_chunk(uint32_t stream, std::string_view data) noexcept = 0;
  /// Exactly once, last.
  virtual void on_end(Outcome) noexcept = 0;
};

/// A call in flight. Copyable; outlives the call harmlessly.
class CallHandle {
 public:
  CallHandle() = default;
  void cancel() const noexcept;    ///< asks the plugin to end early; on_end still comes (or the deadline's, when it does not listen)
  void writable() const noexcept;  ///< there is room again after on_chunk returned false
  std::shared_ptr<void> impl;
};

/// A verb of an instance, found once and kept. Null when the instance does not offer it.
struct VerbRef {
  const operon_verb* verb = nullptr;
  uint32_t index = 0;  ///< for accounting
  explicit operator bool() const noexcept { return verb != nullptr; }
};

}  // namespace operon::plugin
