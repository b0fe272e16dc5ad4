#include "tests/unit/rest/bench.hpp"

#include <catch2/catch.hpp>
#include <condition_variable>

#include "core/base/clock.hpp"
#include "core/jobs/sqlite_store.hpp"
#include "core/targets/local_targets.hpp"
#include "operon/kinds/job_runner_json.hpp"
#include "tests/unit/control/fake_registry.hpp"
#include "tests/unit/targets/fake_provider.hpp"

namespace operon::test {

using nlohmann::json;
namespace jr = kinds::job_runner;

namespace {

class DirectoryRunners final : public jobs::Runners {
 public:
  explicit DirectoryRunners(plugin::Directory directory) : directory_(std::move(directory)) {}
  std::shared_ptr<plugin::Instance> find(std::string_view name) const override { return directory_.find(name); }

 private:
  plugin::Directory directory_;
};

std::vector<std::pair<std::string, std::string>> query_of(const std::string& text) {
  std::vector<std::pair<std::string, std::string>> query;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('&', at), text.size()), equals = std::min(text.find('=', at), end);
    auto value = text.substr(std::min(equals + 1, end), end - std::min(equals + 1, end));
    if (!value.empty()) query.emplace_back(text.substr(at, equals - at), value);
    at = end + 1;
  }
  return query;
}

}  // namespace

FakeRunner::FakeRunner(FakeInstance& instance) {
  const auto id_of = [](const std::string& request) { return json::parse(request).at("jobId").get<std::string>(); };
  instance.on(jr::id, jr::verb::start, [this, id_of](const std::string& request, const FakeInstance::Emit&) {
    std::lock_guard lock(mutex_);
    if (start_error_) throw *start_error_;
    const auto id = id_of(request);
    runs_[id] = {{"jobId", id}, {"phase", "Running"}, {"startUnixMs", 1'767'323'045'678}, {"handle", {{"version", 1}, {"state", id}}}};
    return runs_[id].dump();
  });
  const auto state = [this, id_of](const std::string& request, const FakeInstance::Emit&) { return state_of(id_of(request)).dump(); };
  instance.on(jr::id, jr::verb::inspect, state).on(jr::id, jr::verb::recover, state);
  instance.on(jr::id, jr::verb::stop, [this, id_of](const std::string& request, const FakeInstance::Emit&) {
    const auto id = id_of(request);
    if (state_of(id).at("phase") == "Running") finish(id, "Stopped");
    return state_of(id).dump();
  });
  instance.on(jr::id, jr::verb::destroy, [](const std::string&, const FakeInstance::Emit&) { return std::string("{}"); });
  instance.on(jr::id, jr::verb::list, [this](const std::string&, const FakeInstance::Emit& emit) {
    std::lock_guard lock(mutex_);
    for (const auto& [id, run] : runs_) emit(run.dump());
    return std::string("{}");
  });
  instance.on(jr::id, jr::verb::logs, [this](const std::string& request, const FakeInstance::Emit& emit) {
    const auto offset = json::parse(request).value("offset", size_t{0});
    if (offset < log_.size()) emit(log_.substr(offset), OPERON_STREAM_STDOUT);
    return json{{"endOffset", log_.size()}}.dump();
  });
}

json FakeRunner::state_of(const std::string& job_id) const {
  std::lock_guard lock(mutex_);
  const auto it = runs_.find(job_id);
  if (it == runs_.end()) throw Error(Code::not_found, "no such run");
  return it->second;
}

void FakeRunner::finish(const std::string& job_id, const std::string& phase, const std::string& message) {
  std::lock_guard lock(mutex_);
  auto& run = runs_.at(job_id);
  run["phase"] = phase;
  run["endUnixMs"] = base::system_clock().unix_ms();  // a run that ended long ago would be past retention
  if (!message.empty()) run["message"] = message;
}

void FakeRunner::fail_start(Error e) {
  std::lock_guard lock(mutex_);
  start_error_ = std::move(e);
}

size_t FakeRunner::runs() const {
  std::lock_guard lock(mutex_);
  return runs_.size();
}

struct Bench::Host {
  DirectoryRunners runners;
  jobs::LogHub logs;
  jobs::JobTable table;
  targets::LocalTargets targets;
  control::RunFlow flow;
  rest::Services services;

  Host(Bench& b, rest::Settings settings, control::FlowSettings flow_settings)
      : runners(b.plugins.directory()),
        logs(b.folder.path() / "logs", runners, {}),
        table(jobs::open_sqlite_store(b.folder.path() / "jobs.db"), runners, logs, base::system_clock(), {}),
        targets(b.plugins.directory(), targets::file_store(b.folder.path() / "targets"), base::system_clock(), {}),
        flow(b.plugins.directory(), targets, control::port_of(table), std::move(flow_settings)),
        services{b.plugins.directory(), targets, flow, table, logs, base::system_clock(), std::move(settings)} {
    table.recover();
    rest::add_routes(b.router, services);
  }
  ~Host() {
    table.drain(std::chrono::seconds(5));
    logs.stop();
  }
};

control::FlowSettings Bench::flow_defaults() {
  control::FlowSettings settings;
  settings.defaults = {"near", "alpha"};
  return settings;
}

Bench::Bench(rest::Settings settings, control::FlowSettings flow) {
  settings.version = "1.2.3";
  make_registry(*plugins.add("near"), "Near");
  make_registry(*plugins.add("far", R"({"adhoc":true})"), "Far");
  alpha = std::make_unique<FakeRunner>(*plugins.add("alpha", R"({"accepts":["dir"]})"));
  beta = std::make_unique<FakeRunner>(*plugins.add("beta"));
  make_provider(*plugins.add("left"), {"a", "both", "localhost"});
  make_provider(*plugins.add("right"), {"b", "both"});
  host_ = std::make_unique<Host>(*this, std::move(settings), std::move(flow));
}

Bench::~Bench() = default;

rest::Services& Bench::services() {
  return host_->services;
}
jobs::JobTable& Bench::table() {
  return host_->table;
}

const http::Route& Bench::route(const std::string& method, const std::string& path) const {
  const auto match = router.match(method, path);
  if (!match.route) throw std::runtime_error("no route for " + method + " " + path);
  return *match.route;
}

Answer Bench::ask(const std::string& method, const std::string& path, const Ask& what) {
  const auto match = router.match(method, path);
  if (!match.route) throw std::runtime_error("no route for " + method + " " + path);
  http::Request request;
  request.method = match.route->method;
  request.path = path;
  for (const auto& [name, value] : match.params) request.params[name] = value;
  request.query = query_of(what.query);
  request.body = what.body;
  request.request_id = "req-1";
  request.peer = "127.0.0.1";
  request.caller = {"ada", http::Role::admin};
  request.wants_websocket = what.websocket;
  request.header = [&what](std::string_view name) -> std::optional<std::string> {
    const auto it = what.headers.find(std::string(name));
    return it == what.headers.end() ? std::nullopt : std::optional(it->second);
  };
  Answer answer;
  answer.response = match.route->handler(request);
  answer.status = answer.response.status;
  answer.body = std::move(answer.response.body);
  return answer;
}

std::string Bench::target() {
  return ask("POST", "/targets").json().at("uuid");
}

json Bench::run_body(const std::string& target_id) const {
  return {{"targetId", target_id}, {"clusterName", "a"}, {"scenarioImage", "dir://hello"}, {"scenarioName", "hello"}};
}

std::string Bench::run() {
  return ask("POST", "/scenarios/run", {.body = run_body(target()).dump()}).json().at("jobId");
}

void Bench::finish(const std::string& job_id, const std::string& phase, const std::string& message) {
  const auto job = table().get(job_id);
  (job->runner == "alpha" ? alpha : beta)->finish(job_id, phase, message);
  table().on_notify(job->runner, jr::notify_kind, job_id);
}

void Bench::await(const std::string& job_id, const std::string& status) {
  std::mutex mutex;
  std::condition_variable changed;
  const auto subscription = table().subscribe([&] {
    std::lock_guard lock(mutex);
    changed.notify_all();
  });
  std::unique_lock lock(mutex);
  const auto there = [&] {
    const auto job = table().get(job_id);
    return job && jr::to_string(job->phase) == status;
  };
  // The table may tell of a change under its own lock, so it is asked without ours.
  for (const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(120); std::chrono::steady_clock::now() < deadline;) {
    lock.unlock();
    const bool done = there();
    lock.lock();
    if (done) return;
    changed.wait_for(lock, std::chrono::milliseconds(50));
  }
  const auto job = table().get(job_id);
  FAIL("job " << job_id << " never became " << status << "; it is " << (job ? jobs::to_contract_json(*job) : "not known"));
}

std::string read_all(http::StreamSource& stream, bool* ended) {
  std::string text;
  for (;;) {
    const auto got = stream.read(text, 64 << 10);
    if (got == http::StreamSource::Got::data) continue;
    if (ended) *ended = got == http::StreamSource::Got::end;
    return text;
  }
}

}  // namespace operon::test
