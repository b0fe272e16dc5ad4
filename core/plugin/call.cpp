#include "core/plugin/call.hpp"

#include "core/plugin/call_life.hpp"

namespace operon::plugin {

void CallHandle::cancel() const noexcept {
  if (impl) cancel_call(*static_cast<const uint64_t*>(impl.get()));
}

void CallHandle::writable() const noexcept {
  if (impl) call_writable(*static_cast<const uint64_t*>(impl.get()));
}

}  // namespace operon::plugin
