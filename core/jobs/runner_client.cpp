#include "core/jobs/runner_client.hpp"

#include "core/base/json.hpp"
#include "core/plugin/instance.hpp"
#include "operon/kinds/job_runner_json.hpp"

namespace operon::jobs {
namespace {

namespace kind = kinds::job_runner;
using nlohmann::json;

std::string text_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

kind::RunState read_state(const std::string& runner, const std::string& reply) {
  try {
    return base::parse_json(reply).get<kind::RunState>();
  } catch (const std::exception& e) {
    throw Error(Code::internal, "runner '" + runner + "' answered with something that is not the state of a run: " + e.what());
  }
}

/// Turns the end of a call into the one result that was asked for.
class StateObserver final : public plugin::CallObserver {
 public:
  StateObserver(std::string runner, std::function<void(RunResult)> done) : runner_(std::move(runner)), done_(std::move(done)) {}
  bool on_chunk(uint32_t, std::string_view) noexcept override { return true; }
  void on_end(plugin::Outcome outcome) noexcept override {
    try {
      if (outcome.code != Code::ok) {
        done_(outcome.error ? *outcome.error : Error(outcome.code, "runner '" + runner_ + "' failed"));
      } else {
        done_(read_state(runner_, outcome.reply));
      }
    } catch (const Error& e) {
      done_(e);
    } catch (const std::exception& e) {
      done_(Error(Code::internal, e.what()));
    }
  }

 private:
  const std::string runner_;
  const std::function<void(RunResult)> done_;
};

}  // namespace

plugin::VerbRef RunnerClient::verb(const char* name) const {
  const auto found = instance_->find(kind::id, name);
  if (!found) throw Error(Code::unimplemented, "runner '" + instance_->name() + "' has no verb '" + name + "'");
  return found;
}

kind::RunState RunnerClient::start(const kind::StartRequest& request, const Blobs& blobs, std::string_view user) const {
  plugin::CallContext context;
  context.job_id = request.job_id;
  context.user = user;
  if (!blobs.empty()) context.blobs = std::make_shared<const plugin::Blobs>(blobs);
  return read_state(instance_->name(), instance_->call(verb(kind::verb::start), text_of(request), context));
}

kind::RunState RunnerClient::ask(const char* verb_name, const kind::RunRequest& request) const {
  plugin::CallContext context;
  context.job_id = request.job_id;
  return read_state(instance_->name(), instance_->call(verb(verb_name), text_of(request), context));
}

kind::RunState RunnerClient::inspect(const kind::RunRequest& request) const {
  return ask(kind::verb::inspect, request);
}
kind::RunState RunnerClient::recover(const kind::RunRequest& request) const {
  return ask(kind::verb::recover, request);
}

void RunnerClient::destroy(const kind::RunRequest& request) const {
  plugin::CallContext context;
  context.job_id = request.job_id;
  instance_->call(verb(kind::verb::destroy), text_of(request), context);
}

void RunnerClient::stop(const kind::StopRequest& request, std::chrono::milliseconds timeout, std::function<void(RunResult)> done) const {
  plugin::CallContext context;
  context.job_id = request.job_id;
  context.timeout = timeout;
  instance_->start(verb(kind::verb::stop), text_of(request), context, std::make_shared<StateObserver>(instance_->name(), std::move(done)));
}

plugin::CallHandle RunnerClient::logs(const kind::LogsRequest& request, std::shared_ptr<plugin::CallObserver> observer) const {
  plugin::CallContext context;
  context.job_id = request.job_id;
  context.timeout = std::chrono::milliseconds(-1);
  return instance_->start(verb(kind::verb::logs), text_of(request), context, std::move(observer));
}

}  // namespace operon::jobs
