/// core/control/run_object_reader.hpp: what a Run object asks for, as the start that a body of POST /scenarios/run would be.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "core/control/run_flow.hpp"
#include "core/jobs/job_table.hpp"
#include "core/kube/client.hpp"

namespace operon::base {
class Clock;
}

namespace operon::control {

/// Thread-safe; blocks on the API server (Secrets and ConfigMaps that the spec refers to) and on the plugins that the flow asks.
class RunObjectReader {
 public:
  /// A Secret or ConfigMap that is missing may still come: it is applied together with its Run, or written by the host that took the
  /// request.
  static constexpr int64_t reference_wait_ms_max = 30'000;

  RunObjectReader(RunFlow&, std::shared_ptr<kube::Client>, std::string name_space, base::Clock&);

  /// Throws Error: what parse_run_request and RunFlow::prepare throw; NOT_FOUND for what the spec refers to and is not there, UNAVAILABLE
  /// while that may still come.
  jobs::StartCommand command(const nlohmann::json& run);

 private:
  RunFlow& flow_;
  const std::shared_ptr<kube::Client> client_;
  const std::string name_space_;
  base::Clock& clock_;
};

}  // namespace operon::control
