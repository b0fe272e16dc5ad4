/// operon/sdk/raw_call.hpp: operon_call and its functions, asked for with OPERON_HAS: a host that lacks one gets the plain answer.
#pragma once

#include <string_view>

#include "operon/call.h"
#include "operon/sdk/text.hpp"

namespace operon::sdk {

/// What a chunk of a stream is (OPERON_STREAM_*).
enum class Stream : uint32_t {
  item = OPERON_STREAM_ITEM,
  out = OPERON_STREAM_STDOUT,
  err = OPERON_STREAM_STDERR,
  event = OPERON_STREAM_EVENT,
  progress = OPERON_STREAM_PROGRESS,
};

namespace detail {

/// Borrowed: valid as long as the call is.
struct RawCall {
  const operon_call_api* api = nullptr;
  operon_call* handle = nullptr;

  bool cancelled() const noexcept { return OPERON_HAS(api, operon_call_api, is_cancelled) && api->is_cancelled(handle) != 0; }
  int64_t deadline_unix_ms() const noexcept {
    return OPERON_HAS(api, operon_call_api, deadline_unix_ms) ? api->deadline_unix_ms(handle) : 0;
  }
  std::string_view metadata(std::string_view key) const noexcept {
    return OPERON_HAS(api, operon_call_api, metadata) ? view(api->metadata(handle, str(key))) : std::string_view();
  }
  operon_status on_cancel(operon_callback callback, void* arg) const noexcept {
    return OPERON_HAS(api, operon_call_api, on_cancel) ? api->on_cancel(handle, callback, arg) : OPERON_UNIMPLEMENTED;
  }
  int cancel_fd() const noexcept { return OPERON_HAS(api, operon_call_api, cancel_fd) ? api->cancel_fd(handle) : -1; }
  operon_status reply(std::string_view json) const noexcept {
    return OPERON_HAS(api, operon_call_api, reply) ? api->reply(handle, str(json)) : OPERON_UNIMPLEMENTED;
  }
  operon_status emit(Stream stream, std::string_view chunk) const noexcept {
    return OPERON_HAS(api, operon_call_api, emit) ? api->emit(handle, static_cast<uint32_t>(stream), str(chunk)) : OPERON_UNIMPLEMENTED;
  }
  operon_status on_writable(operon_callback callback, void* arg) const noexcept {
    return OPERON_HAS(api, operon_call_api, on_writable) ? api->on_writable(handle, callback, arg) : OPERON_UNIMPLEMENTED;
  }
  int64_t blob_read(std::string_view blob, uint64_t offset, void* into, size_t size) const noexcept {
    return OPERON_HAS(api, operon_call_api, blob_read) ? api->blob_read(handle, str(blob), offset, into, size) : -OPERON_UNIMPLEMENTED;
  }
  operon_status finish(operon_status status) const noexcept {
    return OPERON_HAS(api, operon_call_api, finish) ? api->finish(handle, status) : OPERON_UNIMPLEMENTED;
  }

  /// Says why and returns the status to end with. Never OPERON_OK, whatever the error claims to be.
  operon_status fail(const Error& error) const noexcept {
    const operon_status status = error.code() == Code::ok ? OPERON_INTERNAL : static_cast<operon_status>(error.code());
    if (!OPERON_HAS(api, operon_call_api, fail)) return status;
    try {
      const std::string details = error_details(error);
      api->fail(handle, status, str(error.what()), str(details.empty() ? std::string_view() : std::string_view(details)));
    } catch (...) {  // out of memory: the words without the details
      api->fail(handle, status, str(error.what()), operon_str{nullptr, 0});
    }
    return status;
  }
};

/// The exception barrier: runs `function` and turns whatever leaves it into a failed call.
template <class Function>
operon_status guarded(const RawCall& call, Function&& function) noexcept {
  try {
    function();
    return OPERON_OK;
  } catch (const Error& e) {
    return call.fail(e);
  } catch (const std::exception& e) {
    try {
      return call.fail(Error(Code::internal, std::string("the plugin threw an exception: ") + e.what()));
    } catch (...) {
      return OPERON_INTERNAL;
    }
  } catch (...) {
    try {
      return call.fail(Error(Code::internal, "the plugin threw something that is not a std::exception"));
    } catch (...) {
      return OPERON_INTERNAL;
    }
  }
}

}  // namespace detail
}  // namespace operon::sdk
