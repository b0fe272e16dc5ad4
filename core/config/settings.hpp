/// core/config/settings.hpp: the host's whole configuration, typed and defaulted. The defaults written here are the embedded ones: a host
/// with no configuration file at all runs on them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace operon::config {

/// A certificate for a listener; empty paths = plain HTTP.
struct TlsFiles {
  std::string cert, key;  ///< PEM
  std::string client_ca;  ///< callers must show a certificate of it
};

/// The cluster that the host itself works on; not looked for before a plugin asks for it.
struct KubernetesSettings {
  std::string kubeconfig;  ///< empty: the pod's service account, else $KUBECONFIG, else ~/.kube/config
  std::string context;     ///< empty: the kubeconfig's current one
  std::string name_space;  ///< empty: the pod's or the context's
};

struct LogSettings {
  std::string level = "info";
  std::string format = "auto";  ///< text on a terminal, one JSON object a line otherwise
};

struct MetricsSettings {
  std::string listen;  ///< a listener for metrics alone; empty = only on probe_listen
  TlsFiles tls;
};

/// The REST server: who may call, and the limits of core/http/server.hpp.
struct RestSettings {
  std::string auth = "none";
  std::string token_file;
  std::vector<std::string> token_audiences;  ///< empty: the API server's
  std::vector<std::string> hosts, origins;
  bool allow_remote_without_auth = false;
  bool interim_status = false;
  std::string validation = "best-effort";
  TlsFiles tls;

  int64_t worker_threads_max = 16;
  int64_t requests_queued_max = 256;
  int64_t connections_max = 10000;
  int64_t connections_per_address_max = 2000;
  int64_t header_bytes_max = 32 << 10;
  int64_t headers_max = 100;
  int64_t uri_bytes_max = 8 << 10;
  int64_t body_bytes_max = 32 << 20;
  int64_t header_ms_max = 10000;
  int64_t body_ms_max = 30000;
  int64_t idle_ms_max = 60000;
  int64_t write_ms_max = 30000;
  int64_t requests_per_connection_max = 100000;
  int64_t bodies_bytes_max = 256 << 20;
  int64_t drain_bytes_max = 256 << 10;
  int64_t reactor_threads = 1;
  int64_t streams_max = 10000;
  int64_t stream_threads = 2;
  int64_t stream_buffer_bytes_max = 64 << 10;
};

/// Limits of the job table.
struct JobSettings {
  std::string store = "local";  ///< or "kubernetes"
  std::string database;         ///< empty: SQLite in the state folder; else a PostgreSQL address, without a password
  std::string database_password_file;
  int64_t objects_kept_max = 1000;
  int64_t running_per_target_max = 10;
  int64_t running_per_runner_max = 1000;
  int64_t queued_max = 10000;
  int64_t timeout_seconds_default = 6 * 3600;
  int64_t stop_grace_seconds = 5;
  int64_t stop_answer_ms = 10000;
  int64_t runner_copy_kept_seconds = 3600;
  int64_t jobs_kept_max = 100000;
  int64_t kept_seconds_max = 7 * 24 * 3600;
};

/// Limits of the log hub.
struct LogsSettings {
  int64_t ring_bytes_max = 256 << 10;
  int64_t log_bytes_max = int64_t{4} << 30;
  int64_t follower_stall_ms = 30000;
  int64_t followers_max = 10000;
  int64_t archive_bytes_max = int64_t{10} << 30;
};

/// Limits of target requests.
struct TargetSettings {
  std::string store = "local";  ///< or "kubernetes"
  int64_t provider_answer_ms_max = 30000;
  int64_t request_ms_max = 60000;
  int64_t kubeconfig_ms_max = 10000;
  int64_t kept_seconds_after_use = 24 * 3600;
  int64_t target_requests_max = 10000;
  int64_t clusters_max = 10000;
};

/// Limits of every plugin instance.
struct PluginLimitSettings {
  int64_t executor_threads_max = 4;
  int64_t calls_queued_max = 256;
  int64_t stuck_calls_max = 4;
  int64_t stuck_after_ms = 1000;
  int64_t faults_max = 20;
  int64_t call_timeout_ms = 30000;
  int64_t payload_bytes_max = 4 << 20;
  int64_t stream_buffer_bytes_max = 256 << 10;
};

/// The outbound HTTP client that plugins share.
struct NetSettings {
  std::string ca_bundle;  ///< PEM; empty = the system's
  int64_t requests_max = 256;
  int64_t requests_queued_max = 1024;
  int64_t connect_ms_max = 10000;
  int64_t timeout_ms_default = 30000;
  int64_t response_bytes_max = 16 << 20;
};

/// One entry of `plugins:`.
struct PluginEntry {
  std::string name;    ///< of the instance: what routes and requests name
  std::string plugin;  ///< id of the plugin; the instance name when not given
  std::string isolation = "inprocess";
  bool required = false;
  std::string config_json = "{}";
  std::string where;  ///< "file:line", "flag --set", "embedded default"
};

struct DefaultInstances {
  std::string registry, runner;  ///< empty: the first instance that can
};

/// Which images runs may be of.
struct ScenarioSettings {
  std::vector<std::string> allowed_registries;  ///< empty: all
  bool pin_digests = false;
};

struct Settings {
  std::string config_file;  ///< empty: embedded defaults
  std::vector<std::string> listen{"127.0.0.1:8080"};
  std::string probe_listen = "127.0.0.1:8083";  ///< empty = none
  std::string state_dir;                        ///< absolute once loaded
  std::vector<std::string> plugin_dirs;         ///< absolute once loaded
  int64_t drain_seconds_max = 25;               ///< from SIGTERM to the end
  std::string data_provider_address;            ///< empty = localhost:50051 on a cluster (targets.store), else none
  bool leader_election = false;
  KubernetesSettings kubernetes;
  LogSettings log;
  MetricsSettings metrics;
  RestSettings rest;
  JobSettings jobs;
  LogsSettings logs;
  TargetSettings targets;
  PluginLimitSettings plugin_limits;
  NetSettings net;
  DefaultInstances defaults;
  ScenarioSettings scenarios;
  std::vector<PluginEntry> plugins;  ///< in the order of the configuration
};

}  // namespace operon::config
