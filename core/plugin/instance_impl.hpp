/// core/plugin/instance_impl.hpp: an Instance over a plugin in this process. Private to core/plugin.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>

#include "core/plugin/call_life.hpp"
#include "core/plugin/core.hpp"
#include "core/plugin/instance.hpp"
#include "operon/plugin.h"

namespace operon::plugin {

class InstanceImpl final : public Instance {
 public:
  /// The core's verbs are complete and the plugin is created; `configure` opens the gate.
  InstanceImpl(InstanceCore&, Manifest, const operon_plugin_api*);

  const std::string& name() const noexcept override { return core_.name; }
  const Manifest& manifest() const noexcept override { return manifest_; }
  InstanceState state() const noexcept override;
  bool offers(std::string_view interface_id) const noexcept override;
  VerbRef find(std::string_view interface_id, std::string_view verb) const noexcept override;
  std::vector<std::string> verbs(std::string_view interface_id) const override;
  std::string call(VerbRef, std::string_view request_json, const CallContext&,
                   const std::function<void(uint32_t, std::string_view)>&) override;
  Code call_no_block(VerbRef, std::string_view request_json, std::string& reply) noexcept override;
  CallHandle start(VerbRef, std::string request_json, const CallContext&, std::shared_ptr<CallObserver>) override;

  /// The configuration is valid against the manifest's schema. Throws Error; nothing else may be in flight.
  void configure(const std::string& config_json);
  /// Lets calls end, configures, lets calls in again, whatever came of it. Throws Error; the old configuration stays then.
  void reconfigure(const std::string& config_json);
  /// Quiesce and destroy; blocks as long as the plugin does.
  void shut_down(std::chrono::steady_clock::time_point deadline);
  /// Cancels what is in flight and refuses what comes.
  void begin_stop();

  InstanceCore& core() const noexcept { return core_; }

 private:
  /// Null when the reference is not one of this instance.
  VerbEntry* entry(VerbRef) const noexcept;
  /// Enters on this thread when the verb, the gate and a serial instance allow; else the request goes to the executor. False: it was
  /// refused.
  void launch(CallSlot&, std::string_view request);
  /// The slot's lock, or none when the verb was not entered.
  Lock run_here(CallSlot&, std::string_view request) noexcept;
  /// True: the plugin's side is over. False: time is up.
  bool wait_over(CallSlot&, uint64_t handle, std::chrono::milliseconds timeout);
  Code call_slowly(VerbRef, std::string_view request, std::string& reply) noexcept;

  InstanceCore& core_;
  const Manifest manifest_;
  const operon_plugin_api* const api_;
  VerbEntry* configure_ = nullptr;  ///< an entry for `configure`, beside the verbs
  std::mutex reconfigure_mutex_;
  std::atomic<bool> stopped_{false};
};

}  // namespace operon::plugin
