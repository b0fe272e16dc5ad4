#include "core/app/operond/limits.hpp"

#include <algorithm>

namespace operon::app {
namespace {

constexpr uint64_t descriptors_kept_min = 96;
constexpr uint64_t connections_min = 16;  ///< though descriptors should then run out

// The option table bounds every number to what these take.
unsigned count(int64_t value) {
  return static_cast<unsigned>(value);
}
size_t bytes(int64_t value) {
  return static_cast<size_t>(value);
}
std::chrono::milliseconds ms(int64_t value) {
  return std::chrono::milliseconds(value);
}

}  // namespace

http::ServerLimits rest_limits(const config::RestSettings& rest) {
  http::ServerLimits limits;
  limits.worker_threads_max = count(rest.worker_threads_max);
  limits.requests_queued_max = count(rest.requests_queued_max);
  limits.connections_max = count(rest.connections_max);
  limits.connections_per_address_max = count(rest.connections_per_address_max);
  limits.header_bytes_max = bytes(rest.header_bytes_max);
  limits.headers_max = count(rest.headers_max);
  limits.uri_bytes_max = bytes(rest.uri_bytes_max);
  limits.body_bytes_max = bytes(rest.body_bytes_max);
  limits.header_ms_max = ms(rest.header_ms_max);
  limits.body_ms_max = ms(rest.body_ms_max);
  limits.idle_ms_max = ms(rest.idle_ms_max);
  limits.write_ms_max = ms(rest.write_ms_max);
  limits.requests_per_connection_max = count(rest.requests_per_connection_max);
  limits.bodies_bytes_max = bytes(rest.bodies_bytes_max);
  limits.drain_bytes_max = bytes(rest.drain_bytes_max);
  limits.reactor_threads = count(rest.reactor_threads);
  limits.streams_max = count(rest.streams_max);
  limits.stream_threads = count(rest.stream_threads);
  limits.stream_buffer_bytes_max = bytes(rest.stream_buffer_bytes_max);
  return limits;
}

unsigned connections_within(unsigned wanted, uint64_t descriptors) {
  const uint64_t kept = std::max<uint64_t>(descriptors_kept_min, descriptors / 4);
  const uint64_t room = descriptors > kept + connections_min ? descriptors - kept : connections_min;
  return static_cast<unsigned>(std::min<uint64_t>(wanted, room));
}

http::ServerLimits probe_limits() {
  http::ServerLimits limits;
  limits.worker_threads_max = 2;
  limits.requests_queued_max = 32;
  limits.connections_max = 256;
  limits.connections_per_address_max = 64;
  limits.body_bytes_max = 1024;
  limits.streams_max = 1;
  limits.stream_threads = 1;
  return limits;
}

std::optional<http::Tls> tls_of(const config::TlsFiles& files) {
  if (files.cert.empty()) return std::nullopt;
  return http::Tls{files.cert, files.key, files.client_ca};
}

jobs::JobLimits job_limits(const config::JobSettings& jobs) {
  jobs::JobLimits limits;
  limits.running_per_target_max = count(jobs.running_per_target_max);
  limits.running_per_runner_max = count(jobs.running_per_runner_max);
  limits.queued_max = count(jobs.queued_max);
  limits.timeout_seconds_default = jobs.timeout_seconds_default;
  limits.stop_grace_seconds = jobs.stop_grace_seconds;
  limits.stop_answer_ms = ms(jobs.stop_answer_ms);
  limits.runner_copy_kept_seconds = jobs.runner_copy_kept_seconds;
  limits.jobs_kept_max = static_cast<uint64_t>(jobs.store == "kubernetes" ? jobs.objects_kept_max : jobs.jobs_kept_max);
  limits.kept_seconds_max = jobs.kept_seconds_max;
  return limits;
}

jobs::LogLimits log_limits(const config::LogsSettings& logs) {
  jobs::LogLimits limits;
  limits.ring_bytes_max = bytes(logs.ring_bytes_max);
  limits.log_bytes_max = static_cast<uint64_t>(logs.log_bytes_max);
  limits.follower_stall_ms = logs.follower_stall_ms;
  limits.followers_max = count(logs.followers_max);
  limits.archive_bytes_max = static_cast<uint64_t>(logs.archive_bytes_max);
  return limits;
}

targets::TargetLimits target_limits(const config::TargetSettings& targets) {
  targets::TargetLimits limits;
  limits.provider_answer_ms_max = ms(targets.provider_answer_ms_max);
  limits.request_ms_max = ms(targets.request_ms_max);
  limits.kubeconfig_ms_max = ms(targets.kubeconfig_ms_max);
  limits.kept_seconds_after_use = targets.kept_seconds_after_use;
  limits.target_requests_max = bytes(targets.target_requests_max);
  limits.clusters_max = bytes(targets.clusters_max);
  return limits;
}

plugin::InstanceLimits instance_limits(const config::PluginLimitSettings& settings) {
  plugin::InstanceLimits limits;
  limits.executor_threads_max = count(settings.executor_threads_max);
  limits.calls_queued_max = count(settings.calls_queued_max);
  limits.stuck_calls_max = count(settings.stuck_calls_max);
  limits.stuck_after_ms = ms(settings.stuck_after_ms);
  limits.faults_max = count(settings.faults_max);
  limits.call_timeout_ms = ms(settings.call_timeout_ms);
  limits.payload_bytes_max = bytes(settings.payload_bytes_max);
  limits.stream_buffer_bytes_max = bytes(settings.stream_buffer_bytes_max);
  return limits;
}

net::ClientLimits net_limits(const config::NetSettings& settings) {
  net::ClientLimits limits;
  limits.requests_max = count(settings.requests_max);
  limits.requests_queued_max = count(settings.requests_queued_max);
  limits.connect_ms_max = ms(settings.connect_ms_max);
  limits.timeout_ms_default = ms(settings.timeout_ms_default);
  limits.response_bytes_max = bytes(settings.response_bytes_max);
  limits.ca_bundle_file = settings.ca_bundle;
  return limits;
}

control::FlowSettings flow_settings(const config::Settings& settings) {
  control::FlowSettings flow;
  flow.defaults = {settings.defaults.registry, settings.defaults.runner};
  flow.validation = settings.rest.validation == "required" ? control::Validation::required : control::Validation::best_effort;
  flow.images = {settings.scenarios.allowed_registries, settings.scenarios.pin_digests};
  if (!settings.kubernetes.name_space.empty()) flow.name_space = settings.kubernetes.name_space;
  flow.own_registry_calls_max = std::max(1U, count(settings.rest.worker_threads_max) / 4);
  flow.limits.body_bytes_max = bytes(settings.rest.body_bytes_max);
  return flow;
}

std::vector<plugin::InstanceSpec> instance_specs(const config::Settings& settings) {
  std::vector<plugin::InstanceSpec> specs;
  for (const auto& entry : settings.plugins) {
    plugin::InstanceSpec spec;
    spec.name = entry.name;
    spec.plugin = entry.plugin;
    spec.isolation = entry.isolation;
    spec.required = entry.required;
    spec.config_json = entry.config_json;
    spec.where = entry.where;
    specs.push_back(std::move(spec));
  }
  return specs;
}

}  // namespace operon::app
