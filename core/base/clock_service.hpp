/// core/base/clock_service.hpp: the host's time for plugins, `operon.host.clock/1`.
///
///   now  {} -> {"unixMs": 1767323045678, "steadyMs": 12345}     steadyMs never goes back; its zero means nothing
#pragma once

#include "core/base/clock.hpp"
#include "core/base/service.hpp"

namespace operon::base {

/// The clock must outlive the service.
std::shared_ptr<Service> make_clock_service(Clock&);

}  // namespace operon::base
