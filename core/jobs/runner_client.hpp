/// core/jobs/runner_client.hpp: `operon.job-runner/1` with structs instead of JSON.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "core/jobs/store.hpp"
#include "core/plugin/call.hpp"
#include "operon/error.hpp"
#include "operon/kinds/job_runner.hpp"

namespace operon::plugin {
class Instance;
}

namespace operon::jobs {

/// What an asynchronous question came to.
using RunResult = std::variant<kinds::job_runner::RunState, Error>;

/// Cheap to make, copyable, thread-safe. Everything throws Error: the runner's own; unimplemented when it lacks the verb; internal when its
/// answer is nonsense.
class RunnerClient {
 public:
  explicit RunnerClient(std::shared_ptr<plugin::Instance> instance) : instance_(std::move(instance)) {}

  kinds::job_runner::RunState start(const kinds::job_runner::StartRequest&, const Blobs&, std::string_view user) const;
  kinds::job_runner::RunState inspect(const kinds::job_runner::RunRequest&) const;
  kinds::job_runner::RunState recover(const kinds::job_runner::RunRequest&) const;
  void destroy(const kinds::job_runner::RunRequest&) const;
  /// `done` comes once, on any thread, possibly before this returns; it must not block. The runner is given `timeout` to confirm.
  void stop(const kinds::job_runner::StopRequest&, std::chrono::milliseconds timeout, std::function<void(RunResult)> done) const;
  /// A stream without a deadline.
  plugin::CallHandle logs(const kinds::job_runner::LogsRequest&, std::shared_ptr<plugin::CallObserver>) const;

 private:
  plugin::VerbRef verb(const char* name) const;
  kinds::job_runner::RunState ask(const char* verb_name, const kinds::job_runner::RunRequest&) const;

  std::shared_ptr<plugin::Instance> instance_;
};

}  // namespace operon::jobs
