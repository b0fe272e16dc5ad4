/// core/plugin/operation.hpp: a plugin's question to a host service. Private to core/plugin.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/service.hpp"
#include "core/plugin/core.hpp"

namespace operon::plugin {

/// What a question consists of, copied out of the plugin's hands.
struct Question {
  InstanceCore* core = nullptr;
  std::string verb, request;
  operon_sink sink{};
  uint64_t handle = 0;
  int64_t deadline_unix_ms = 0;
};

/// A fresh handle that no other operation of this process has had.
uint64_t new_operation_handle() noexcept;

/// Known by its handle until done(). The plugin is told INTERNAL when the service lets go of it without an answer.
std::shared_ptr<base::ServiceCall> make_operation(Question);

/// Any thread; unknown handles are ignored. True when the handle was alive.
bool cancel_operation(uint64_t handle) noexcept;
bool resume_operation(uint64_t handle) noexcept;

/// After quiesce: no sink of the instance is called any more, also not by those who are in the middle of it. Returns how many were alive.
size_t abandon_operations(InstanceCore&) noexcept;

}  // namespace operon::plugin
