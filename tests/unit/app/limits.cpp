#include "core/app/operond/limits.hpp"

#include <catch2/catch.hpp>

using namespace operon;

// The defaults stand twice, in the settings (shown by --help) and in the part that has the limit (used by its tests): they must not drift.

TEST_CASE("the embedded settings are the parts' own defaults") {
  const config::Settings settings;
  const auto rest = app::rest_limits(settings.rest);
  const http::ServerLimits rest_own;
  CHECK(rest.worker_threads_max == rest_own.worker_threads_max);
  CHECK(rest.requests_queued_max == rest_own.requests_queued_max);
  CHECK(rest.connections_max == rest_own.connections_max);
  CHECK(rest.connections_per_address_max == rest_own.connections_per_address_max);
  CHECK(rest.header_bytes_max == rest_own.header_bytes_max);
  CHECK(rest.headers_max == rest_own.headers_max);
  CHECK(rest.uri_bytes_max == rest_own.uri_bytes_max);
  CHECK(rest.body_bytes_max == rest_own.body_bytes_max);
  CHECK(rest.header_ms_max == rest_own.header_ms_max);
  CHECK(rest.body_ms_max == rest_own.body_ms_max);
  CHECK(rest.idle_ms_max == rest_own.idle_ms_max);
  CHECK(rest.write_ms_max == rest_own.write_ms_max);
  CHECK(rest.requests_per_connection_max == rest_own.requests_per_connection_max);
  CHECK(rest.bodies_bytes_max == rest_own.bodies_bytes_max);
  CHECK(rest.drain_bytes_max == rest_own.drain_bytes_max);
  CHECK(rest.reactor_threads == rest_own.reactor_threads);
  CHECK(rest.streams_max == rest_own.streams_max);
  CHECK(rest.stream_threads == rest_own.stream_threads);
  CHECK(rest.stream_buffer_bytes_max == rest_own.stream_buffer_bytes_max);

  const auto jobs = app::job_limits(settings.jobs);
  const jobs::JobLimits jobs_own;
  CHECK(jobs.running_per_target_max == jobs_own.running_per_target_max);
  CHECK(jobs.running_per_runner_max == jobs_own.running_per_runner_max);
  CHECK(jobs.queued_max == jobs_own.queued_max);
  CHECK(jobs.timeout_seconds_default == jobs_own.timeout_seconds_default);
  CHECK(jobs.stop_grace_seconds == jobs_own.stop_grace_seconds);
  CHECK(jobs.stop_answer_ms == jobs_own.stop_answer_ms);
  CHECK(jobs.runner_copy_kept_seconds == jobs_own.runner_copy_kept_seconds);
  CHECK(jobs.jobs_kept_max == jobs_own.jobs_kept_max);
  CHECK(jobs.kept_seconds_max == jobs_own.kept_seconds_max);

  const auto logs = app::log_limits(settings.logs);
  const jobs::LogLimits logs_own;
  CHECK(logs.ring_bytes_max == logs_own.ring_bytes_max);
  CHECK(logs.log_bytes_max == logs_own.log_bytes_max);
  CHECK(logs.follower_stall_ms == logs_own.follower_stall_ms);
  CHECK(logs.followers_max == logs_own.followers_max);
  CHECK(logs.archive_bytes_max == logs_own.archive_bytes_max);

  const auto targets = app::target_limits(settings.targets);
  const targets::TargetLimits targets_own;
  CHECK(targets.provider_answer_ms_max == targets_own.provider_answer_ms_max);
  CHECK(targets.request_ms_max == targets_own.request_ms_max);
  CHECK(targets.kubeconfig_ms_max == targets_own.kubeconfig_ms_max);
  CHECK(targets.kept_seconds_after_use == targets_own.kept_seconds_after_use);
  CHECK(targets.target_requests_max == targets_own.target_requests_max);
  CHECK(targets.clusters_max == targets_own.clusters_max);

  const auto instances = app::instance_limits(settings.plugin_limits);
  const plugin::InstanceLimits instances_own;
  CHECK(instances.executor_threads_max == instances_own.executor_threads_max);
  CHECK(instances.calls_queued_max == instances_own.calls_queued_max);
  CHECK(instances.stuck_calls_max == instances_own.stuck_calls_max);
  CHECK(instances.stuck_after_ms == instances_own.stuck_after_ms);
  CHECK(instances.faults_max == instances_own.faults_max);
  CHECK(instances.call_timeout_ms == instances_own.call_timeout_ms);
  CHECK(instances.payload_bytes_max == instances_own.payload_bytes_max);
  CHECK(instances.stream_buffer_bytes_max == instances_own.stream_buffer_bytes_max);

  const auto net = app::net_limits(settings.net);
  const net::ClientLimits net_own;
  CHECK(net.requests_max == net_own.requests_max);
  CHECK(net.requests_queued_max == net_own.requests_queued_max);
  CHECK(net.connect_ms_max == net_own.connect_ms_max);
  CHECK(net.timeout_ms_default == net_own.timeout_ms_default);
  CHECK(net.response_bytes_max == net_own.response_bytes_max);
}

TEST_CASE("TLS only with a certificate") {
  CHECK_FALSE(app::tls_of({}));
  CHECK(app::tls_of({"/c", "/k", "/a"})->client_ca_file == "/a");
}

TEST_CASE("connections leave descriptors for everything else") {
  CHECK(app::connections_within(10000, 1u << 20) == 10000);
  CHECK(app::connections_within(10000, 4096) == 3072);
  CHECK(app::connections_within(10000, 256) == 160);
  CHECK(app::connections_within(100, 256) == 100);
  CHECK(app::connections_within(10000, 64) == 16);
  CHECK(app::connections_within(10000, 0) == 16);
}
