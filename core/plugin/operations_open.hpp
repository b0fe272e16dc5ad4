/// core/plugin/operations_open.hpp: the operations that plugins hold handles of. Private to core/plugin.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "core/plugin/core.hpp"

namespace operon::plugin {

/// What a handle of an operation can be used for.
class OpenOperation {
 public:
  virtual ~OpenOperation() = default;
  virtual void cancel() noexcept = 0;
  virtual void resume() noexcept = 0;
  virtual void abandon() noexcept = 0;
};

/// Thread-safe. Holds no operation alive: that is the service's business.
class OpenOperations {
 public:
  void add(uint64_t handle, InstanceCore&, std::weak_ptr<OpenOperation>);
  void remove(uint64_t handle, InstanceCore&) noexcept;
  std::shared_ptr<OpenOperation> find(uint64_t handle) noexcept;
  /// Any one of the instance; null when there is none.
  std::shared_ptr<OpenOperation> any_of(InstanceCore&) noexcept;
  size_t count(InstanceCore&) noexcept;

 private:
  struct Entry {
    InstanceCore* core;
    std::weak_ptr<OpenOperation> operation;
  };
  std::mutex mutex_;
  std::unordered_map<uint64_t, Entry> all_;
  std::unordered_map<InstanceCore*, size_t> counts_;
};

OpenOperations& open_operations() noexcept;

}  // namespace operon::plugin
