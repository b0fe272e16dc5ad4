/// core/plugin/host_side.hpp: the host as one plugin instance sees it: log, notify, invoke. Private to core/plugin.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "core/base/service.hpp"
#include "operon/host.h"

namespace operon::plugin {

class InstanceCore;

/// What all instances of one host share.
struct HostMeans {
  std::map<std::string, std::shared_ptr<base::Service>, std::less<>> services;
  std::function<void(const std::string& instance, std::string_view kind, std::string_view key)> on_notify;
};

/// As long-lived as its core; deaf after quiesce.
class HostSide {
 public:
  static constexpr size_t operations_max = 4096;  ///< alive, per instance
  static constexpr size_t log_message_bytes_max = 16u << 10;
  static constexpr size_t notify_bytes_max = 1024;  ///< kind and key, each

  enum class Phase { creating, running, quiesced };

  HostSide(InstanceCore&, std::set<std::string, std::less<>> services_declared, std::shared_ptr<const HostMeans>);

  const operon_host_api& api() const noexcept { return api_; }
  void phase(Phase p) noexcept { phase_.store(p, std::memory_order_release); }
  /// After quiesce: lets go of the services.
  void detach() noexcept;

  InstanceCore& core;

  // What the plugin asks; called by the C functions.
  void log(int32_t level, std::string_view message, std::string_view fields, bool sound);
  operon_status notify(operon_str kind, operon_str key);
  operon_status invoke(operon_call* parent, operon_str service, operon_str verb, operon_str request, const operon_sink*,
                       operon_operation**);
  void resume(operon_operation*) noexcept;
  void cancel(operon_operation*) noexcept;

 private:
  /// OPERON_OK, or why the plugin may not ask now (counted).
  operon_status allowed(std::string_view function) noexcept;
  std::shared_ptr<const HostMeans> means() const;

  operon_host_api api_;
  const std::set<std::string, std::less<>> services_declared_;
  std::atomic<Phase> phase_{Phase::creating};
  mutable std::mutex mutex_;
  std::shared_ptr<const HostMeans> means_;
};

}  // namespace operon::plugin
