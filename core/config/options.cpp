#include "core/config/options.hpp"

#include <algorithm>

namespace operon::config {
namespace {

#define AT(member) [](Settings& s) -> Slot { return &s.member; }

std::vector<Option> host_options() {
  return {
      {.key = "listen",
       .slot = AT(listen),
       .help = "Addresses of the REST API; ADDRESS is HOST:PORT, an empty HOST means all addresses, port 0 any free one",
       .form = Form::address},
      {.key = "probe_listen",
       .slot = AT(probe_listen),
       .help = "Address of /livez, /readyz, /healthz and /metrics; 0 turns it off",
       .form = Form::address,
       .flag_aliases = {"--health-probe-bind-address"},
       .environment_aliases = {"HEALTH_PROBE_ADDR"}},
      {.key = "state_dir", .slot = AT(state_dir), .help = "Folder of everything the host keeps; one host at a time", .form = Form::path},
      {.key = "plugin_dirs",
       .slot = AT(plugin_dirs),
       .help = "Folders in which plugin libraries are looked up, in this order",
       .form = Form::path,
       .flag_name = "--plugin-dir"},
      {.key = "drain_seconds_max",
       .slot = AT(drain_seconds_max),
       .help = "Time from SIGTERM to the end: requests and streams that are still there then are cut",
       .reloadable = true,
       .unit = Unit::seconds,
       .max = 3600},
      {.key = "leader_election",
       .slot = AT(leader_election),
       .help = "Elect one leader among several replicas",
       .flag_aliases = {"--leader-elect"},
       .needs_cluster = true},
      {.key = "data_provider_address",
       .slot = AT(data_provider_address),
       .help = "HOST:PORT or unix:PATH of the gRPC data provider, which GET /nodes asks",
       .form = Form::channel,
       .flag_aliases = {"--grpc-server-address"},
       .environment_aliases = {"GRPC_SERVER_ADDRESS"}},
      {.key = "kubernetes.kubeconfig",
       .slot = AT(kubernetes.kubeconfig),
       .help =
           "Kubeconfig of the cluster that the host itself works on; without it, the pod's service account, $KUBECONFIG, ~/.kube/config",
       .form = Form::path,
       .environment_aliases = {"OPERON_KUBECONFIG"},
       .flag_name = "--kubeconfig"},
      {.key = "kubernetes.context", .slot = AT(kubernetes.context), .help = "Context of that kubeconfig, when it is not the current one"},
      {.key = "kubernetes.namespace",
       .slot = AT(kubernetes.name_space),
       .help = "Namespace that the host itself works in, when it is not the pod's or the context's",
       .environment_aliases = {"OPERON_NAMESPACE", "KRKN_NAMESPACE", "POD_NAMESPACE"},
       .flag_name = "--namespace"},
      {.key = "defaults.registry", .slot = AT(defaults.registry), .help = "Registry instance for requests that name none"},
      {.key = "defaults.runner", .slot = AT(defaults.runner), .help = "Runner instance for requests that name none"},
      {.key = "scenarios.allowed_registries",
       .slot = AT(scenarios.allowed_registries),
       .help = "Registries, or parts of them, whose images may run (quay.io/krkn-chaos, localhost:5000); without any, all"},
      {.key = "scenarios.pin_digests",
       .slot = AT(scenarios.pin_digests),
       .help = "Run an image by the digest that its registry tells when the run is asked for"},
      {.key = "log.level",
       .slot = AT(log.level),
       .help = "Lines below this level are not written",
       .reloadable = true,
       .choices = {"trace", "debug", "info", "warn", "error"}},
      {.key = "log.format",
       .slot = AT(log.format),
       .help = "auto: text on a terminal, one JSON object a line otherwise",
       .choices = {"auto", "text", "json"}},
      {.key = "metrics.listen",
       .slot = AT(metrics.listen),
       .help = "Address of a listener for /metrics alone; 0 turns it off",
       .form = Form::address,
       .flag_aliases = {"--metrics-bind-address"},
       .environment_aliases = {"METRICS_ADDR"}},
      {.key = "metrics.tls.cert", .slot = AT(metrics.tls.cert), .help = "Certificate chain (PEM) of metrics.listen", .form = Form::path},
      {.key = "metrics.tls.key", .slot = AT(metrics.tls.key), .help = "Private key (PEM) of metrics.listen", .form = Form::path},
      {.key = "metrics.tls.client_ca",
       .slot = AT(metrics.tls.client_ca),
       .help = "Scrapers must show a certificate of this authority (PEM)",
       .form = Form::path},
  };
}

std::vector<Option> rest_options() {
  return {
      {.key = "rest.auth",
       .slot = AT(rest.auth),
       .help =
           "Who may call: everybody who reaches a loopback address, who shows a token of rest.token_file, or whom the cluster lets work "
           "with runs",
       .choices = {"none", "token-file", "kubernetes"}},
      {.key = "rest.token_file",
       .slot = AT(rest.token_file),
       .help = "Lines of token,user,role with role view, run or admin; readable by nobody but its owner and operond's groups; its content "
               "is read again on SIGHUP",
       .form = Form::path},
      {.key = "rest.token_audiences",
       .slot = AT(rest.token_audiences),
       .help = "With rest.auth kubernetes: audiences of which a token must have one; without any, those of the API server"},
      {.key = "rest.hosts",
       .slot = AT(rest.hosts),
       .help = "Further names that the Host header may carry, beside loopback names and listen addresses"},
      {.key = "rest.origins", .slot = AT(rest.origins), .help = "Foreign web origins that may call (\"https://console.example.org\")"},
      {.key = "rest.allow_remote_without_auth",
       .slot = AT(rest.allow_remote_without_auth),
       .help = "Listen beyond loopback with rest.auth none: everybody who reaches the port may start faults"},
      {.key = "rest.interim_status",
       .slot = AT(rest.interim_status),
       .help = "Send the interim 102 or 100 of the target routes before their answer"},
      {.key = "rest.validation",
       .slot = AT(rest.validation),
       .help = "A run whose scenario's fields cannot be learnt: start it unchecked, or refuse it",
       .choices = {"best-effort", "required"}},
      {.key = "rest.tls.cert", .slot = AT(rest.tls.cert), .help = "Certificate chain (PEM) of listen", .form = Form::path},
      {.key = "rest.tls.key", .slot = AT(rest.tls.key), .help = "Private key (PEM) of listen", .form = Form::path},
      {.key = "rest.tls.client_ca",
       .slot = AT(rest.tls.client_ca),
       .help = "Callers must show a certificate of this authority (PEM)",
       .form = Form::path},
      {.key = "rest.worker_threads_max", .slot = AT(rest.worker_threads_max), .help = "Threads that answer requests", .max = 1024},
      {.key = "rest.requests_queued_max",
       .slot = AT(rest.requests_queued_max),
       .help = "Requests waiting for a thread; more are answered 503"},
      {.key = "rest.connections_max", .slot = AT(rest.connections_max), .help = "Open connections"},
      {.key = "rest.connections_per_address_max", .slot = AT(rest.connections_per_address_max), .help = "Open connections of one address"},
      {.key = "rest.header_bytes_max",
       .slot = AT(rest.header_bytes_max),
       .help = "Size of a request's header; more is answered 431",
       .unit = Unit::bytes,
       .min = 1024,
       .max = 1 << 20},
      {.key = "rest.headers_max",
       .slot = AT(rest.headers_max),
       .help = "Lines of a request's header; more are answered 431",
       .min = 10,
       .max = 10000},
      {.key = "rest.uri_bytes_max",
       .slot = AT(rest.uri_bytes_max),
       .help = "Length of a request's path and query; more is answered 414",
       .unit = Unit::bytes,
       .min = 256,
       .max = 1 << 20},
      {.key = "rest.body_bytes_max",
       .slot = AT(rest.body_bytes_max),
       .help = "Size of a request's body; more is answered 413; routes may have less",
       .unit = Unit::bytes,
       .min = 1024,
       .max = 1 << 30},
      {.key = "rest.header_ms_max",
       .slot = AT(rest.header_ms_max),
       .help = "From the first byte of a request to the end of its header; then 408",
       .unit = Unit::milliseconds},
      {.key = "rest.body_ms_max",
       .slot = AT(rest.body_ms_max),
       .help = "From the end of a request's header to the end of its body; then 408",
       .unit = Unit::milliseconds},
      {.key = "rest.idle_ms_max",
       .slot = AT(rest.idle_ms_max),
       .help = "Time a connection may wait for its next request",
       .unit = Unit::milliseconds},
      {.key = "rest.write_ms_max",
       .slot = AT(rest.write_ms_max),
       .help = "A peer that takes nothing for so long is cut",
       .unit = Unit::milliseconds},
      {.key = "rest.requests_per_connection_max", .slot = AT(rest.requests_per_connection_max), .help = "Then the connection is closed"},
      {.key = "rest.bodies_bytes_max",
       .slot = AT(rest.bodies_bytes_max),
       .help = "Size of all bodies that are read or handled at one time; more are answered 503",
       .unit = Unit::bytes,
       .min = 1 << 20,
       .max = int64_t{1} << 36},
      {.key = "rest.drain_bytes_max",
       .slot = AT(rest.drain_bytes_max),
       .help = "Of a body that nobody wants: read so much to keep the connection, close it when there is more",
       .unit = Unit::bytes,
       .min = 0,
       .max = 1 << 30},
      {.key = "rest.reactor_threads",
       .slot = AT(rest.reactor_threads),
       .help = "Threads that read requests and answer the plain ones",
       .max = 64},
      {.key = "rest.streams_max", .slot = AT(rest.streams_max), .help = "Followed logs and event streams at a time; more are answered 503"},
      {.key = "rest.stream_threads", .slot = AT(rest.stream_threads), .help = "Threads that write all streams", .max = 64},
      {.key = "rest.stream_buffer_bytes_max",
       .slot = AT(rest.stream_buffer_bytes_max),
       .help = "Memory of one stream",
       .unit = Unit::bytes,
       .min = 4096,
       .max = 16 << 20},
  };
}

std::vector<Option> job_options() {
  return {
      {.key = "jobs.store",
       .slot = AT(jobs.store),
       .help = "Where runs are recorded: in this host's state folder, or as Run objects that all replicas share",
       .choices = {"local", "kubernetes"}},
      {.key = "jobs.database",
       .slot = AT(jobs.database),
       .help = "With jobs.store local: the PostgreSQL database of this host's runs (postgresql://USER@HOST:PORT/DATABASE, without a "
               "password); without it, SQLite in the state folder"},
      {.key = "jobs.database_password_file",
       .slot = AT(jobs.database_password_file),
       .help = "File whose first line is the password for jobs.database; without it, PGPASSFILE and ~/.pgpass count",
       .form = Form::path},
      {.key = "jobs.objects_kept_max",
       .slot = AT(jobs.objects_kept_max),
       .help = "Ended runs that are kept where jobs.store is kubernetes",
       .min = 0,
       .max = 100000},
      {.key = "jobs.running_per_target_max",
       .slot = AT(jobs.running_per_target_max),
       .help = "Runs at a time on one target; more are queued"},
      {.key = "jobs.running_per_runner_max",
       .slot = AT(jobs.running_per_runner_max),
       .help = "Runs at a time on one runner; more are queued"},
      {.key = "jobs.queued_max", .slot = AT(jobs.queued_max), .help = "Queued runs; more are answered 429", .min = 0},
      {.key = "jobs.timeout_seconds_default",
       .slot = AT(jobs.timeout_seconds_default),
       .help = "Time limit of a run that names none",
       .unit = Unit::seconds},
      {.key = "jobs.stop_grace_seconds",
       .slot = AT(jobs.stop_grace_seconds),
       .help = "From the polite stop of a run to the hard one",
       .unit = Unit::seconds,
       .min = 0,
       .max = 3600},
      {.key = "jobs.stop_answer_ms",
       .slot = AT(jobs.stop_answer_ms),
       .help = "A stop that is not confirmed by then is answered 202",
       .unit = Unit::milliseconds},
      {.key = "jobs.runner_copy_kept_seconds",
       .slot = AT(jobs.runner_copy_kept_seconds),
       .help = "A run that ended by itself stays with its runner for so long; DELETE removes it at once",
       .unit = Unit::seconds,
       .min = 0},
      {.key = "jobs.jobs_kept_max", .slot = AT(jobs.jobs_kept_max), .help = "Ended runs that are kept", .min = 0},
      {.key = "jobs.kept_seconds_max",
       .slot = AT(jobs.kept_seconds_max),
       .help = "Age at which an ended run is forgotten",
       .unit = Unit::seconds},
      {.key = "logs.ring_bytes_max",
       .slot = AT(logs.ring_bytes_max),
       .help = "Newest bytes of a followed log that are kept in memory",
       .unit = Unit::bytes,
       .min = 4096,
       .max = 1 << 30},
      {.key = "logs.log_bytes_max",
       .slot = AT(logs.log_bytes_max),
       .help = "Size of one run's log; what is more is cut, and marked so",
       .unit = Unit::bytes,
       .min = 4096,
       .max = int64_t{1} << 40},
      {.key = "logs.follower_stall_ms",
       .slot = AT(logs.follower_stall_ms),
       .help = "A follower that takes nothing for so long is dropped",
       .unit = Unit::milliseconds},
      {.key = "logs.followers_max", .slot = AT(logs.followers_max), .help = "Followers of all logs together"},
      {.key = "logs.archive_bytes_max",
       .slot = AT(logs.archive_bytes_max),
       .help = "Size of all archived logs; the oldest go first",
       .unit = Unit::bytes,
       .min = 0,
       .max = int64_t{1} << 50},
  };
}

std::vector<Option> target_options() {
  return {
      {.key = "targets.store",
       .slot = AT(targets.store),
       .help = "Where target requests are kept: in this host's state folder, or as KrknTargetRequest objects that all replicas share",
       .choices = {"local", "kubernetes"}},
      {.key = "targets.provider_answer_ms_max",
       .slot = AT(targets.provider_answer_ms_max),
       .help = "Deadline of one provider's list of clusters",
       .unit = Unit::milliseconds},
      {.key = "targets.request_ms_max",
       .slot = AT(targets.request_ms_max),
       .help = "A target request is completed by then, whichever provider is missing",
       .unit = Unit::milliseconds},
      {.key = "targets.kubeconfig_ms_max",
       .slot = AT(targets.kubeconfig_ms_max),
       .help = "Deadline of a provider's answer with one cluster's kubeconfig",
       .unit = Unit::milliseconds},
      {.key = "targets.kept_seconds_after_use",
       .slot = AT(targets.kept_seconds_after_use),
       .help = "A target request that nobody uses is forgotten after that; 0: never",
       .unit = Unit::seconds,
       .min = 0},
      {.key = "targets.target_requests_max",
       .slot = AT(targets.target_requests_max),
       .help = "Target requests that are kept; more are answered 429"},
      {.key = "targets.clusters_max", .slot = AT(targets.clusters_max), .help = "Clusters of one provider in one request"},
  };
}

std::vector<Option> plugin_options() {
  return {
      {.key = "plugin_limits.executor_threads_max",
       .slot = AT(plugin_limits.executor_threads_max),
       .help = "Threads for the blocking verbs of one instance",
       .max = 1024},
      {.key = "plugin_limits.calls_queued_max",
       .slot = AT(plugin_limits.calls_queued_max),
       .help = "Calls waiting for such a thread; more are refused"},
      {.key = "plugin_limits.stuck_calls_max",
       .slot = AT(plugin_limits.stuck_calls_max),
       .help = "Calls that are stuck at one time: then the instance is quarantined"},
      {.key = "plugin_limits.stuck_after_ms",
       .slot = AT(plugin_limits.stuck_after_ms),
       .help = "Time to end a call whose deadline has passed; after that the call is stuck",
       .unit = Unit::milliseconds},
      {.key = "plugin_limits.faults_max",
       .slot = AT(plugin_limits.faults_max),
       .help = "Exceptions, malformed, double and late answers: then the instance is quarantined"},
      {.key = "plugin_limits.call_timeout_ms",
       .slot = AT(plugin_limits.call_timeout_ms),
       .help = "Deadline of a call that brings none",
       .unit = Unit::milliseconds},
      {.key = "plugin_limits.payload_bytes_max",
       .slot = AT(plugin_limits.payload_bytes_max),
       .help = "Size of one request, reply or list item",
       .unit = Unit::bytes,
       .min = 4096,
       .max = 1 << 30},
      {.key = "plugin_limits.stream_buffer_bytes_max",
       .slot = AT(plugin_limits.stream_buffer_bytes_max),
       .help = "Memory between a streaming call and its reader",
       .unit = Unit::bytes,
       .min = 4096,
       .max = 1 << 30},
      {.key = "net.ca_bundle",
       .slot = AT(net.ca_bundle),
       .help = "Authorities (PEM) trusted by the HTTP client that plugins share; the system's when empty",
       .form = Form::path},
      {.key = "net.requests_max", .slot = AT(net.requests_max), .help = "Outbound HTTP requests at a time", .max = 10000},
      {.key = "net.requests_queued_max",
       .slot = AT(net.requests_queued_max),
       .help = "Outbound HTTP requests waiting; more are refused",
       .min = 0},
      {.key = "net.connect_ms_max", .slot = AT(net.connect_ms_max), .help = "Time to connect, TLS included", .unit = Unit::milliseconds},
      {.key = "net.timeout_ms_default",
       .slot = AT(net.timeout_ms_default),
       .help = "Time limit of an outbound request that brings none",
       .unit = Unit::milliseconds},
      {.key = "net.response_bytes_max",
       .slot = AT(net.response_bytes_max),
       .help = "Size of an outbound request's answer, unpacked",
       .unit = Unit::bytes,
       .min = 1024,
       .max = 1 << 30},
  };
}

#undef AT

std::vector<Option> all_options() {
  std::vector<Option> all;
  for (auto* part : {host_options, rest_options, job_options, target_options, plugin_options}) {
    for (auto& option : part()) all.push_back(std::move(option));
  }
  return all;
}

}  // namespace

std::string Option::flag() const {
  if (!flag_name.empty()) return flag_name;
  std::string name = "--" + key;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '.' || c == '_'; }, '-');
  return name;
}

std::string Option::environment() const {
  std::string name = "OPERON_";
  for (char c : key) name += c == '.' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
  return name;
}

bool Option::is_list() const {
  Settings settings;
  return std::holds_alternative<std::vector<std::string>*>(slot(settings));
}

bool Option::is_boolean() const {
  Settings settings;
  return std::holds_alternative<bool*>(slot(settings));
}

std::string Option::placeholder() const {
  if (!choices.empty()) {
    std::string text;
    for (const auto& choice : choices) text += (text.empty() ? "" : "|") + choice;
    return text;
  }
  Settings settings;
  const auto at = slot(settings);
  if (std::holds_alternative<bool*>(at)) return "true|false";
  if (std::holds_alternative<int64_t*>(at)) {
    return unit == Unit::bytes ? "SIZE" : unit == Unit::none ? "N" : "TIME";
  }
  const std::string word = form == Form::address || form == Form::channel ? "ADDRESS" : form == Form::path ? "PATH" : "TEXT";
  return is_list() ? word + ",..." : word;
}

const std::vector<Option>& options() {
  static const std::vector<Option> all = all_options();
  return all;
}

const Option* find_option(std::string_view key) {
  for (const auto& option : options()) {
    if (option.key == key) return &option;
  }
  return nullptr;
}

std::string value_text(const Option& option, const Settings& settings) {
  const auto at = option.slot(const_cast<Settings&>(settings));
  if (const auto* text = std::get_if<std::string*>(&at)) return **text;
  if (const auto* flag = std::get_if<bool*>(&at)) return **flag ? "true" : "false";
  if (const auto* number = std::get_if<int64_t*>(&at)) return number_text(**number, option.unit);
  std::string text;
  for (const auto& entry : *std::get<std::vector<std::string>*>(at)) text += (text.empty() ? "" : ",") + entry;
  return text;
}

}  // namespace operon::config
