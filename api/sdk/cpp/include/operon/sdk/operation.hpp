/// operon/sdk/operation.hpp: a question to a host service in flight.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "operon/host.h"
#include "operon/sdk/raw_call.hpp"

namespace operon::sdk {

/// How a question to a service ended.
struct Answer {
  std::string text;  ///< JSON, when there is no error
  std::optional<Error> error;

  /// The answer as JSON ({} when the service had nothing to say). Throws the error.
  nlohmann::json json() const {
    if (error) throw *error;
    if (text.empty()) return nlohmann::json::object();
    auto value = nlohmann::json::parse(text, nullptr, false);
    if (value.is_discarded()) throw Error(Code::internal, "the host service's answer is not JSON");
    return value;
  }
};

/// A chunk of a service's stream; false = full: it comes again after Operation::resume(). Must not block.
using OnChunk = std::function<bool(Stream, std::string_view)>;
using OnDone = std::function<void(Answer)>;

namespace detail {

struct OperationState;

/// The host as one instance sees it, and the questions it has open.
struct HostContext {
  const operon_host_api* api = nullptr;
  std::string instance;

  std::mutex mutex;
  std::condition_variable ended;
  std::set<std::shared_ptr<OperationState>> open;
};

struct OperationState {
  std::shared_ptr<HostContext> host;
  OnDone on_done;
  OnChunk on_chunk;
  std::mutex mutex;  ///< guards what is below
  operon_operation* handle = nullptr;
  bool done = false, resume_wanted = false, cancel_wanted = false;

  void resume() {
    if (auto* open = open_handle(resume_wanted); open && OPERON_HAS(host->api, operon_host_api, resume)) {
      host->api->resume(host->api->self, open);
    }
  }
  void cancel() {
    if (auto* open = open_handle(cancel_wanted); open && OPERON_HAS(host->api, operon_host_api, cancel)) {
      host->api->cancel(host->api->self, open);
    }
  }

 private:
  /// The handle, or null when it is over or not known yet: then the wish is noted. No lock is held over the host's functions: they may
  /// call the sink at once.
  operon_operation* open_handle(bool& wanted) {
    const std::lock_guard lock(mutex);
    if (done) return nullptr;
    wanted = handle == nullptr;
    return handle;
  }
};

/// What the host holds until done(): the one thing here that crosses the boundary as an address, because done() comes exactly once.
struct SinkArg {
  std::shared_ptr<OperationState> state;

  static operon_status chunk(void* arg, uint32_t stream, operon_str data) noexcept {
    const auto& state = static_cast<SinkArg*>(arg)->state;
    try {
      if (!state->on_chunk) return OPERON_OK;
      return state->on_chunk(static_cast<Stream>(stream), view(data)) ? OPERON_OK : OPERON_RESOURCE_EXHAUSTED;
    } catch (...) {  // whoever throws here wants no more
      return OPERON_CANCELLED;
    }
  }

  static void done(void* arg, operon_status status, operon_str text, operon_str details) noexcept {
    const std::unique_ptr<SinkArg> sink(static_cast<SinkArg*>(arg));
    const auto& state = sink->state;
    {
      const std::lock_guard lock(state->mutex);
      state->done = true;
    }
    try {
      Answer answer;
      if (status == OPERON_OK) {
        answer.text = view(text);
      } else {
        answer.error = make_error(status, view(text), view(details));
      }
      if (state->on_done) state->on_done(std::move(answer));
    } catch (...) {  // a callback has nobody to tell
    }
    state->on_done = nullptr;
    const std::lock_guard lock(state->host->mutex);
    state->host->open.erase(state);
    state->host->ended.notify_all();
  }
};

inline std::shared_ptr<OperationState> invoke(const std::shared_ptr<HostContext>& host, const RawCall* parent, std::string_view service,
                                              std::string_view verb, const std::string& request, OnDone on_done, OnChunk on_chunk) {
  if (!OPERON_HAS(host->api, operon_host_api, invoke)) throw Error(Code::unavailable, "there is no host to ask " + std::string(service));
  auto state = std::make_shared<OperationState>();
  state->host = host;
  state->on_done = std::move(on_done);
  state->on_chunk = std::move(on_chunk);
  auto arg = std::make_unique<SinkArg>(SinkArg{state});
  {
    const std::lock_guard lock(host->mutex);
    host->open.insert(state);
  }
  const operon_sink sink{sizeof(operon_sink), 0, arg.get(), &SinkArg::chunk, &SinkArg::done};
  operon_operation* handle = nullptr;
  const operon_status status =
      host->api->invoke(host->api->self, parent ? parent->handle : nullptr, str(service), str(verb), str(request), &sink, &handle);
  if (status != OPERON_OK) {
    const std::lock_guard lock(host->mutex);
    host->open.erase(state);
    throw make_error(status, "the host refused to ask " + std::string(service) + " " + std::string(verb), {});
  }
  arg.release();  // done() has it
  bool resume = false, cancel = false;
  {
    const std::lock_guard lock(state->mutex);
    state->handle = handle;
    resume = std::exchange(state->resume_wanted, false);
    cancel = std::exchange(state->cancel_wanted, false);
  }
  if (resume) state->resume();
  if (cancel) state->cancel();
  return state;
}

/// Ends what is still open, for quiesce(): asks everything to end and waits for it, but no longer than `limit`.
inline bool end_operations(HostContext& host, std::chrono::milliseconds limit) {
  std::set<std::shared_ptr<OperationState>> open;
  {
    const std::lock_guard lock(host.mutex);
    open = host.open;
  }
  for (const auto& state : open) state->cancel();
  std::unique_lock lock(host.mutex);
  return host.ended.wait_for(lock, limit, [&] { return host.open.empty(); });
}

}  // namespace detail

/// Copyable; may be dropped while the question is open, the answer still comes.
class Operation {
 public:
  Operation(std::shared_ptr<detail::OperationState> state) : state_(std::move(state)) {}  // NOLINT: a plain wrapper
  /// Goes on after OnChunk returned false.
  void resume() const { state_->resume(); }
  /// Asks the service to end early; OnDone still comes.
  void cancel() const { state_->cancel(); }

 private:
  std::shared_ptr<detail::OperationState> state_;
};

}  // namespace operon::sdk
