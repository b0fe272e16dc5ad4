#include "core/app/operond/host.hpp"

#include <stdlib.h>

#include <algorithm>
#include <atomic>

#include "core/app/operond/authentication.hpp"
#include "core/app/operond/cluster_reviews.hpp"
#include "core/app/operond/data_provider.hpp"
#include "core/app/operond/kubernetes.hpp"
#include "core/app/operond/leading.hpp"
#include "core/app/operond/limits.hpp"
#include "core/app/operond/probe_routes.hpp"
#include "core/app/operond/process.hpp"
#include "core/app/operond/readiness.hpp"
#include "core/app/operond/state_dir.hpp"
#include "core/app/operond/state_store.hpp"
#include "core/base/clock_service.hpp"
#include "core/config/reload.hpp"
#include "core/control/run_object_reader.hpp"
#include "core/http/server.hpp"
#include "core/jobs/cluster_jobs.hpp"
#include "core/jobs/instance_runners.hpp"
#include "core/jobs/kv_service.hpp"
#include "core/log/log.hpp"
#include "core/metrics/metrics.hpp"
#include "core/metrics/metrics_service.hpp"
#include "core/net/http_service.hpp"
#include "core/plugin/directory.hpp"
#include "core/rest/audit.hpp"
#include "core/rest/services.hpp"
#include "core/targets/cluster_targets.hpp"
#include "core/targets/local_targets.hpp"

namespace operon::app {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds instances_stop_max{3000};
constexpr milliseconds starts_in_flight_max{5000};

std::shared_ptr<net::Client> make_http_client(const config::NetSettings& settings) {
  static const char* const help = "Outbound HTTP requests of plugins, by how they ended";
  const auto seconds = metrics::histogram("operon_net_request_duration_seconds", "Time of an outbound HTTP request, waiting included",
                                          {0.005, 0.02, 0.1, 0.5, 2, 10, 60});
  return std::make_shared<net::Client>(net_limits(settings), [seconds](const net::Observation& observation) {
    metrics::counter("operon_net_requests_total", help, {{"outcome", observation.outcome}}).add();
    seconds.observe(std::chrono::duration<double>(observation.took).count());
  });
}

}  // namespace

/// In the order of their making; destroyed in the opposite one.
struct Host::Parts {
  explicit Parts(const config::Settings& settings);
  ~Parts();

  void start_probes(const config::Settings&);
  void load_plugins(const config::Settings&);
  void recover(const config::Settings&);
  std::unique_ptr<targets::Targets> make_targets(const config::Settings&);
  std::unique_ptr<jobs::Jobs> make_jobs(const config::Settings&);
  void read_runs_early(const config::Settings&);
  void take_up_runs(const config::Settings&);
  void serve(const config::Settings&);
  std::string plugin_trouble() const;
  bool stop(milliseconds grace);

  StateDir state;
  std::shared_ptr<Tokens> tokens;
  Readiness readiness;
  http::Router probe_router, metrics_router, rest_router;
  std::unique_ptr<http::Server> probe_server, metrics_server;
  std::shared_ptr<jobs::Store> store;
  std::shared_ptr<net::Client> http_client;
  std::shared_ptr<ClusterConnection> cluster;
  std::atomic<jobs::Jobs*> notified{nullptr};  // plugins notify before the table is there, and after it has gone
  plugin::Instances instances;
  jobs::InstanceRunners runners{instances};
  std::unique_ptr<targets::Targets> targets;
  std::unique_ptr<Leading> leading;
  std::unique_ptr<jobs::LogHub> logs;
  std::unique_ptr<jobs::Jobs> jobs;
  std::unique_ptr<control::RunFlow> run_flow;
  std::unique_ptr<control::RunObjectReader> run_reader;
  std::unique_ptr<rest::Services> services;
  std::unique_ptr<http::Server> rest_server;
  bool stopped = false;
};

Host::Parts::Parts(const config::Settings& settings)
    : state(settings.state_dir),
      http_client(make_http_client(settings.net)),
      cluster(std::make_shared<ClusterConnection>(settings.kubernetes)),
      instances({settings.plugin_dirs.begin(), settings.plugin_dirs.end()}, instance_limits(settings.plugin_limits)) {
  // Plugins keep their own files below it. Now, before any thread may read the environment.
  setenv("OPERON_STATE_DIR", state.path().c_str(), 1);
  if (settings.rest.auth == "token-file") tokens = std::make_shared<Tokens>(settings.rest.token_file);
}

void Host::Parts::start_probes(const config::Settings& settings) {
  http::AccessRules anyone;
  anyone.hosts = settings.rest.hosts;
  add_probe_routes(probe_router, readiness);
  add_metrics_route(probe_router);
  add_metrics_route(metrics_router);
  if (!settings.probe_listen.empty()) {
    probe_server =
        std::make_unique<http::Server>("probe", std::vector{settings.probe_listen}, probe_router, probe_limits(), anyone, std::nullopt);
    probe_server->start();
  }
  if (!settings.metrics.listen.empty()) {
    metrics_server = std::make_unique<http::Server>("metrics", std::vector{settings.metrics.listen}, metrics_router, probe_limits(), anyone,
                                                    tls_of(settings.metrics.tls));
    metrics_server->start();
  }
}

void Host::Parts::load_plugins(const config::Settings& settings) {
  instances.add_service(std::make_shared<base::ClockService>(base::system_clock()));
  instances.add_service(jobs::make_kv_service(store));
  instances.add_service(metrics::make_metrics_service());
  instances.add_service(net::make_http_service(http_client));
  instances.add_service(make_kubernetes_service(cluster, [this](std::string_view instance) {
    std::vector<kube::PermissionRule> rules;
    for (auto& p : instances.permissions_of(instance)) {
      rules.push_back({std::move(p.api_groups), std::move(p.resources), std::move(p.verbs), {}, std::move(p.namespaces)});
    }
    return rules;
  }));
  instances.on_notify([this](const std::string& instance, std::string_view kind, std::string_view key) {
    if (auto* all = notified.load(std::memory_order_acquire)) all->on_notify(instance, kind, key);
  });
  instances.load(instance_specs(settings));
  readiness.add("plugins", [this] { return plugin_trouble(); });
}

/// Where target requests are kept; on a cluster also which replica brings them to their end.
std::unique_ptr<targets::Targets> Host::Parts::make_targets(const config::Settings& settings) {
  const auto directory = plugin::directory_of(instances);
  auto& clock = base::system_clock();
  const auto limits = target_limits(settings.targets);
  if (settings.targets.store == "local")
    return std::make_unique<targets::LocalTargets>(directory, targets::file_store(state.path() / "targets"), clock, limits);
  auto shared = std::make_unique<targets::ClusterTargets>(directory, cluster->client(), clock, limits);
  readiness.add("target requests", [all = shared.get()] { return all->trouble(); });
  return shared;
}

/// Where runs are recorded; on a cluster also which replica starts them.
std::unique_ptr<jobs::Jobs> Host::Parts::make_jobs(const config::Settings& settings) {
  auto& clock = base::system_clock();
  const auto limits = job_limits(settings.jobs);
  if (settings.jobs.store == "local") return std::make_unique<jobs::JobTable>(store, runners, *logs, clock, limits);
  const auto client = cluster->client();
  return std::make_unique<jobs::ClusterJobs>(client, client->config().name_space, runners, *logs, clock, limits);
}

/// The API server has its time while plugins are loaded: of a start with many runs, their list is the longest part.
void Host::Parts::read_runs_early(const config::Settings& settings) {
  if (settings.jobs.store != "kubernetes") return;
  logs = std::make_unique<jobs::LogHub>(state.path() / "logs", runners, log_limits(settings.logs));
  jobs = make_jobs(settings);
  if (auto* shared = dynamic_cast<jobs::ClusterJobs*>(jobs.get())) shared->begin();
}

void Host::Parts::take_up_runs(const config::Settings& settings) {
  auto* shared_targets = dynamic_cast<targets::ClusterTargets*>(targets.get());
  auto* shared_jobs = dynamic_cast<jobs::ClusterJobs*>(jobs.get());
  if (auto* table = dynamic_cast<jobs::JobTable*>(jobs.get())) table->recover();
  if (shared_jobs != nullptr) {
    const auto client = cluster->client();
    run_reader = std::make_unique<control::RunObjectReader>(*run_flow, client, client->config().name_space, base::system_clock());
    shared_jobs->set_reader({[this](const nlohmann::json& run) { return run_reader->command(run); }});
  }
  targets->resume();
  if (shared_jobs != nullptr) shared_jobs->resume();
  if (shared_targets == nullptr && shared_jobs == nullptr) return;
  const auto lead = [shared_targets, shared_jobs](std::function<bool()> holds) {
    if (shared_targets != nullptr) shared_targets->lead();
    if (shared_jobs != nullptr) shared_jobs->lead(std::move(holds));
  };
  const auto follow = [shared_targets, shared_jobs] {
    if (shared_jobs != nullptr) shared_jobs->follow();
    if (shared_targets != nullptr) shared_targets->follow();
  };
  leading = take_part(*cluster->client(), settings.leader_election, lead, follow);
}

void Host::Parts::recover(const config::Settings& settings) {
  targets = make_targets(settings);
  if (!logs) logs = std::make_unique<jobs::LogHub>(state.path() / "logs", runners, log_limits(settings.logs));
  if (!jobs) jobs = make_jobs(settings);
  readiness.add("store", [this] { return jobs->trouble(); });
  auto flow = flow_settings(settings);
  // Of one cluster's several installations, each has job ids of its own.
  if (settings.jobs.store == "kubernetes") flow.name_space = cluster->client()->config().name_space;
  run_flow = std::make_unique<control::RunFlow>(plugin::directory_of(instances), *targets, control::port_of(*jobs), std::move(flow));
  notified.store(jobs.get(), std::memory_order_release);
  take_up_runs(settings);
}

/// Connections that used up the descriptors would keep out the probes and the stop of a run, and every run would fail to start.
static http::ServerLimits limits_that_fit(const config::RestSettings& rest) {
  http::ServerLimits limits = rest_limits(rest);
  const unsigned wanted = limits.connections_max;
  limits.connections_max = connections_within(wanted, descriptors_max());
  if (limits.connections_max < wanted) {
    log::warn(
        "fewer connections are taken than rest.connections_max says: this process may open too few files; raise ulimit -n (LimitNOFILE=)",
        {{"connections", std::to_string(limits.connections_max)}, {"open_files", std::to_string(descriptors_max())}});
  }
  return limits;
}

void Host::Parts::serve(const config::Settings& settings) {
  rest::Settings rest_settings;
  rest_settings.version = OPERON_VERSION;
  rest_settings.interim_status = settings.rest.interim_status;
  services.reset(new rest::Services{plugin::directory_of(instances), *targets, *run_flow, *jobs, *logs, base::system_clock(), rest_settings,
                                    connect_data_provider(settings, readiness)});
  rest::add_routes(rest_router, *services);
  http::AccessRules access;
  access.hosts = settings.rest.hosts;
  access.origins = settings.rest.origins;
  access.callers = tokens;
  if (settings.rest.auth == "kubernetes") access.callers = review_callers(*cluster, settings.rest, readiness);
  access.on_refused = rest::audit_refused;
  const http::ServerLimits limits = limits_that_fit(settings.rest);
  rest_server = std::make_unique<http::Server>("rest", settings.listen, rest_router, limits, access, tls_of(settings.rest.tls));
  rest_server->start();
  readiness.set_phase("serving");
}

std::string Host::Parts::plugin_trouble() const {
  std::string text;
  for (const auto& info : instances.info()) {
    if (!info.required || info.state == plugin::InstanceState::ready) continue;
    text +=
        (text.empty() ? "" : "; ") + info.name + " is " + plugin::to_string(info.state) + (info.reason.empty() ? "" : ": " + info.reason);
  }
  return text;
}

bool Host::Parts::stop(milliseconds grace) {
  stopped = true;
  const auto end = steady_clock::now() + grace;
  const auto left = [&](milliseconds keep) {
    return std::max(std::chrono::duration_cast<milliseconds>(end - steady_clock::now()) - keep, milliseconds(0));
  };
  readiness.set_phase("draining");
  if (jobs) jobs->drain(std::min(starts_in_flight_max, left(milliseconds(0)) / 2));
  bool whole = true;
  if (rest_server) whole = rest_server->drain(std::max(left(instances_stop_max), left(milliseconds(0)) / 2));
  leading.reset();
  if (auto* shared = dynamic_cast<jobs::ClusterJobs*>(jobs.get())) shared->stop_working();
  if (targets) targets->stop();
  if (logs) logs->stop();
  notified.store(nullptr, std::memory_order_release);
  instances.stop(std::min(instances_stop_max, left(milliseconds(200))));
  readiness.close();
  for (auto* server : {&metrics_server, &probe_server}) {
    if (*server) (*server)->drain(std::min(milliseconds(200), left(milliseconds(0))));
  }
  return whole;
}

Host::Parts::~Parts() {
  if (!stopped) stop(milliseconds(2000));
  // Streams look at logs and jobs, handlers at everything: they go first.
  rest_server.reset();
  metrics_server.reset();
  probe_server.reset();
}

Host::Host(config::Settings settings) : settings_(std::move(settings)) {}
Host::~Host() = default;

void Host::start() {
  parts_ = std::make_unique<Parts>(settings_);
  try {
    parts_->start_probes(settings_);  // first: whoever watches the host sees it start
    parts_->store = open_state_store(settings_.jobs, parts_->state.path());
    parts_->read_runs_early(settings_);
    parts_->load_plugins(settings_);
    parts_->recover(settings_);
    parts_->serve(settings_);
  } catch (...) {
    parts_.reset();
    throw;
  }
}

std::vector<std::string> Host::rest_addresses() const {
  return parts_->rest_server->addresses();
}

std::vector<std::string> Host::probe_addresses() const {
  return parts_->probe_server ? parts_->probe_server->addresses() : std::vector<std::string>();
}

milliseconds Host::drain_time() const {
  return std::chrono::seconds(settings_.drain_seconds_max);
}

bool Host::stop(milliseconds grace) {
  const bool whole = parts_->stop(grace);
  parts_.reset();
  return whole;
}

void Host::reload(const config::Loaded& loaded) {
  const auto reloads = [](std::string_view outcome) {
    metrics::counter("operon_config_reloads_total", "Configuration reloads (SIGHUP), by outcome", {{"outcome", outcome}}).add();
  };
  if (!loaded.problems.empty()) {
    for (const auto& problem : loaded.problems) log::error("reload: " + problem);
    log::error("reload: the configuration has problems; the old one stays in force");
    return reloads("refused");
  }
  const auto change = config::compare(settings_, loaded.settings);
  bool all = change.restart.empty();
  for (const auto* entry : change.plugins) {
    try {
      parts_->instances.reconfigure(entry->name, entry->config_json);
      std::find_if(settings_.plugins.begin(), settings_.plugins.end(), [&](const auto& p) { return p.name == entry->name; })->config_json =
          entry->config_json;
      log::info("reload: instance reconfigured", {{"instance", entry->name}});
    } catch (const std::exception& e) {
      all = false;
      log::error("reload: the instance keeps its old configuration: " + std::string(e.what()),
                 {{"instance", entry->name}, {"at", entry->where}});
    }
  }
  if (parts_->tokens) {
    try {
      log::info("reload: tokens read", {{"tokens", std::to_string(parts_->tokens->reload())}});
    } catch (const std::exception& e) {
      all = false;
      log::error("reload: the old tokens stay in force: " + std::string(e.what()));
    }
  }
  settings_ = config::take_reloadable(std::move(settings_), loaded.settings);
  log::set_level(log::level_from_string(settings_.log.level));
  for (const auto& key : change.reloadable) log::info("reload: taken up", {{"key", key}});
  for (const auto& key : change.restart) log::warn("reload: needs a restart", {{"key", key}});
  reloads(all ? "whole" : "part");
  log::info(all ? "reload: done" : "reload: done, but for what is said above");
}

}  // namespace operon::app
