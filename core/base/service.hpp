/// core/base/service.hpp: a host service, asked by plugins through `invoke`. Each lives beside its means (clock in core/base, http in
/// core/net, metrics in core/metrics, executor in core/plugin, kv in core/jobs) and is registered by core/app.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "operon/error.hpp"

namespace operon::base {

/// One question of a plugin. Thread-safe; keep the shared_ptr until `done` was called.
class ServiceCall {
 public:
  virtual ~ServiceCall() = default;
  virtual std::string_view verb() const noexcept = 0;
  virtual std::string_view request_json() const noexcept = 0;
  virtual std::string_view instance() const noexcept = 0;  ///< who asks; kv keys, metric labels and permissions are per instance
  virtual int64_t deadline_unix_ms() const noexcept = 0;   ///< 0 = none
  virtual bool cancelled() const noexcept = 0;
  /// Once; at once when already cancelled.
  virtual void on_cancel(std::function<void()>) = 0;
  /// False = the plugin is full; `on_resume` is called when it would take the same chunk. Chunks come in order.
  virtual bool chunk(uint32_t stream, std::string_view data) = 0;
  virtual void on_resume(std::function<void()>) = 0;
  virtual void reply(std::string_view json) = 0;  ///< ends the call
  virtual void fail(const Error&) = 0;            ///< ends the call
};

class Service {
 public:
  virtual ~Service() = default;
  /// "operon.host.kv/1"
  virtual std::string_view id() const noexcept = 0;
  /// Never blocks; answers now or later, from any thread. What it throws is the call's failure.
  virtual void invoke(std::shared_ptr<ServiceCall>) = 0;
};

}  // namespace operon::base
