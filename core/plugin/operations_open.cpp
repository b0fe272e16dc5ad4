#include "core/plugin/operations_open.hpp"

#include <atomic>

#include "core/plugin/call_slot.hpp"
#include "core/plugin/operation.hpp"

namespace operon::plugin {

OpenOperations& open_operations() noexcept {
  static auto* all = new OpenOperations;  // for ever: plugins' threads may ask while statics are destroyed
  return *all;
}

void OpenOperations::add(uint64_t handle, InstanceCore& core, std::weak_ptr<OpenOperation> operation) {
  std::lock_guard lock(mutex_);
  all_.emplace(handle, Entry{&core, std::move(operation)});
  ++counts_[&core];
}

void OpenOperations::remove(uint64_t handle, InstanceCore& core) noexcept {
  std::lock_guard lock(mutex_);
  if (all_.erase(handle) > 0) --counts_[&core];
}

std::shared_ptr<OpenOperation> OpenOperations::find(uint64_t handle) noexcept {
  std::lock_guard lock(mutex_);
  auto found = all_.find(handle);
  return found == all_.end() ? nullptr : found->second.operation.lock();
}

std::shared_ptr<OpenOperation> OpenOperations::any_of(InstanceCore& core) noexcept {
  std::lock_guard lock(mutex_);
  for (auto& [handle, entry] : all_) {
    if (entry.core != &core) continue;
    if (auto operation = entry.operation.lock()) return operation;
  }
  return nullptr;
}

size_t OpenOperations::count(InstanceCore& core) noexcept {
  std::lock_guard lock(mutex_);
  auto found = counts_.find(&core);
  return found == counts_.end() ? 0 : found->second;
}

uint64_t new_operation_handle() noexcept {
  static std::atomic<uint64_t> last{0};
  return ++last << Handle::tag_bits | Handle::operation_tag;
}

bool cancel_operation(uint64_t handle) noexcept {
  auto operation = open_operations().find(handle);
  if (operation) operation->cancel();
  return operation != nullptr;
}

bool resume_operation(uint64_t handle) noexcept {
  auto operation = open_operations().find(handle);
  if (operation) operation->resume();
  return operation != nullptr;
}

size_t abandon_operations(InstanceCore& core) noexcept {
  size_t n = 0;
  while (auto operation = open_operations().any_of(core)) {
    operation->abandon();
    ++n;
  }
  return n;
}

}  // namespace operon::plugin
