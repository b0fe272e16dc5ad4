/// core/plugin/call_api.hpp: what a plugin may do with a call. Private to core/plugin.
#pragma once

#include <string_view>

#include "operon/call.h"

namespace operon::plugin {

/// The table behind operon_host_api.call: any thread, race-free, no exception leaves it.
const operon_call_api& call_api() noexcept;

/// What a host service's operation borrows from its parent call.
struct ParentView {
  int64_t deadline_unix_ms = 0;
  bool cancelled = false;
};
/// False when the parent has ended (counted as a late use). The operation is cancelled with the parent from now on.
bool adopt_operation(operon_call* parent, uint64_t operation, ParentView&) noexcept;

/// True for {NULL, n > 0}: bytes are promised and none are there.
inline bool broken(operon_str s) noexcept {
  return s.ptr == nullptr && s.len > 0;
}
inline std::string_view view(operon_str s) noexcept {
  return s.ptr == nullptr ? std::string_view() : std::string_view(s.ptr, s.len);
}

}  // namespace operon::plugin
