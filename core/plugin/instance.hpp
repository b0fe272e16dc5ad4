/// core/plugin/instance.hpp: one configured instance of a plugin, as everything above core/plugin sees it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/plugin/call.hpp"
#include "core/plugin/manifest.hpp"

namespace operon::plugin {

enum class InstanceState { ready, refused, quarantined, stopped };
const char* to_string(InstanceState);

/// Thread-safe. Made and owned by `Instances`.
class Instance {
 public:
  virtual ~Instance() = default;

  virtual const std::string& name() const noexcept = 0;
  virtual const Manifest& manifest() const noexcept = 0;
  virtual InstanceState state() const noexcept = 0;
  virtual bool offers(std::string_view interface_id) const noexcept = 0;
  /// The verb, or a null VerbRef.
  virtual VerbRef find(std::string_view interface_id, std::string_view verb) const noexcept = 0;
  /// Names of all verbs that it offers of the interface, in its own order.
  virtual std::vector<std::string> verbs(std::string_view /*interface_id*/) const { return {}; }

  /// Asks and waits; returns the answer's JSON. Chunks (if any) go to `on_chunk` when given, else are refused. Verbs flagged NO_BLOCK run
  /// on this thread, others on the instance's executor. Throws Error: the plugin's own, or DEADLINE_EXCEEDED (the waiter leaves; a call
  /// that the plugin does not end soon after is stuck), UNAVAILABLE (quarantined, stopping), RESOURCE_EXHAUSTED (`calls_queued_max`),
  /// INTERNAL (nonsense instead of JSON).
  virtual std::string call(VerbRef, std::string_view request_json, const CallContext&,
                           const std::function<void(uint32_t stream, std::string_view)>& on_chunk = {}) = 0;

  /// The same for a NO_BLOCK verb without a stream, into a buffer that is kept between calls: no allocation, no exception. Waits, as `call`
  /// does, when the verb answers later (OPERON_PENDING), and goes through the queue while the instance is busy (serial) or takes a new
  /// configuration.
  virtual Code call_no_block(VerbRef, std::string_view request_json, std::string& reply) noexcept = 0;

  /// Asks without waiting and never throws for the call's sake: a refusal, too, is told by on_end. The observer is kept until then, and may
  /// be called before this returns; hold no lock that it takes. After a cancellation the plugin has `call_timeout_ms` to end the call; then
  /// on_end says CANCELLED.
  virtual CallHandle start(VerbRef, std::string request_json, const CallContext&, std::shared_ptr<CallObserver>) = 0;
};

}  // namespace operon::plugin
