/// core/base/clock_service.hpp: the host's time for plugins, `operon.host.clock/1`. Shapes: api/schemas/operon.host.clock.v1.json.
///
///   now    {} -> {"unixMs", "steadyMs"}     steadyMs never goes back; its zero means nothing
///   sleep  {"ms"} -> {}                     CANCELLED when told to end early
#pragma once

#include <memory>

#include "core/base/clock.hpp"
#include "core/base/service.hpp"

namespace operon::base {

/// Its one thread starts with the first sleep and ends with the service. Sleeps open then are answered CANCELLED.
class ClockService final : public Service {
 public:
  /// The clock must outlive the service.
  explicit ClockService(Clock&);
  ~ClockService() override;

  std::string_view id() const noexcept override { return "operon.host.clock/1"; }
  void invoke(std::shared_ptr<ServiceCall>) override;

  /// Looks at the clock again: for tests, whose clock moves by hand (ManualClock::on_advance).
  void look_again();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace operon::base
