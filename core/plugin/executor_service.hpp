/// core/plugin/executor_service.hpp: `operon.host.executor/1`, so that a plugin needs no thread of its own to wait.
///
///   sleep {"ms": 250} -> {}     answers after that time; cancelled: CANCELLED
#pragma once

#include <chrono>
#include <memory>

#include "core/base/service.hpp"
#include "core/plugin/timers.hpp"

namespace operon::plugin {

class ExecutorService final : public base::Service {
 public:
  static constexpr int64_t sleep_ms_max = 24 * 3600 * 1000;

  explicit ExecutorService(std::shared_ptr<Timers> timers) : timers_(std::move(timers)) {}
  std::string_view id() const noexcept override { return "operon.host.executor/1"; }
  void invoke(std::shared_ptr<base::ServiceCall>) override;

 private:
  std::shared_ptr<Timers> timers_;
};

}  // namespace operon::plugin
