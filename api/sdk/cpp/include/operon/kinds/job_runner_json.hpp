/// operon/kinds/job_runner_json.hpp: the JSON form of operon/kinds/job_runner.hpp. Include it where JSON is read or written.
#pragma once

#include "operon/kinds/job_runner.hpp"
#include "operon/members.hpp"

namespace operon::kinds::job_runner {

inline const char* to_string(Phase phase) {
  switch (phase) {
    case Phase::pending:
      return "Pending";
    case Phase::running:
      return "Running";
    case Phase::succeeded:
      return "Succeeded";
    case Phase::failed:
      return "Failed";
    case Phase::stopped:
      return "Stopped";
  }
  return "Pending";
}

inline Phase phase_from_string(const std::string& text) {
  for (const auto phase : {Phase::pending, Phase::running, Phase::succeeded, Phase::failed, Phase::stopped}) {
    if (text == to_string(phase)) return phase;
  }
  throw members::MemberError("phase", "must be Pending, Running, Succeeded, Failed or Stopped, not '" + text + "'");
}

inline void to_json(nlohmann::json& j, const Handle& v) {
  j = {{"version", v.version}, {"state", v.state}};
}
inline void from_json(const nlohmann::json& j, Handle& v) {
  members::expect_object(j);
  v = Handle{};
  members::read(j, "version", v.version);
  members::require(j, "state", v.state);
}

inline void to_json(nlohmann::json& j, const File& v) {
  j = {{"name", v.name}, {"mountPath", v.mount_path}, {"blob", v.blob}, {"size", v.size}, {"sha256", v.sha256}};
}
inline void from_json(const nlohmann::json& j, File& v) {
  members::expect_object(j);
  v = File{};
  members::require(j, "name", v.name);
  members::require(j, "mountPath", v.mount_path);
  members::require(j, "blob", v.blob);
  members::require(j, "size", v.size);
  members::require(j, "sha256", v.sha256);
}

inline void to_json(nlohmann::json& j, const Target& v) {
  j = {{"id", v.id}, {"provider", v.provider}, {"clusterName", v.cluster_name}, {"clusterApiUrl", v.cluster_api_url}};
  members::write(j, "kubeconfig", v.kubeconfig);
}
inline void from_json(const nlohmann::json& j, Target& v) {
  members::expect_object(j);
  v = Target{};
  members::read(j, "id", v.id);
  members::read(j, "provider", v.provider);
  members::require(j, "clusterName", v.cluster_name);
  members::read(j, "clusterApiUrl", v.cluster_api_url);
  members::read(j, "kubeconfig", v.kubeconfig);
}

inline void to_json(nlohmann::json& j, const PullCredentials& v) {
  j = {{"registryUrl", v.registry_url}, {"repository", v.repository}, {"username", v.username},
       {"password", v.password},        {"token", v.token},           {"skipTls", v.skip_tls},
       {"insecure", v.insecure}};
}
inline void from_json(const nlohmann::json& j, PullCredentials& v) {
  members::expect_object(j);
  v = PullCredentials{};
  members::read(j, "registryUrl", v.registry_url);
  members::read(j, "repository", v.repository);
  members::read(j, "username", v.username);
  members::read(j, "password", v.password);
  members::read(j, "token", v.token);
  members::read(j, "skipTls", v.skip_tls);
  members::read(j, "insecure", v.insecure);
}

inline void to_json(nlohmann::json& j, const Owner& v) {
  j = {{"apiVersion", v.api_version}, {"kind", v.kind}, {"name", v.name}, {"uid", v.uid}};
}
inline void from_json(const nlohmann::json& j, Owner& v) {
  members::expect_object(j);
  v = Owner{};
  members::require(j, "apiVersion", v.api_version);
  members::require(j, "kind", v.kind);
  members::require(j, "name", v.name);
  members::require(j, "uid", v.uid);
}

inline void to_json(nlohmann::json& j, const StartRequest& v) {
  j = {{"jobId", v.job_id},
       {"objectName", v.object_name},
       {"target", v.target},
       {"scenarioName", v.scenario_name},
       {"scenarioImage", v.scenario_image},
       {"declaredVariables", v.declared_variables},
       {"variablesKnown", v.variables_known},
       {"environment", v.environment},
       {"secretVariables", v.secret_variables},
       {"kubeconfigPath", v.kubeconfig_path},
       {"files", v.files},
       {"timeoutSeconds", v.timeout_seconds}};
  members::write_text(j, "scenarioRun", v.scenario_run);
  members::write(j, "pull", v.pull);
  members::write(j, "owner", v.owner);
}
inline void from_json(const nlohmann::json& j, StartRequest& v) {
  members::expect_object(j);
  v = StartRequest{};
  members::require(j, "jobId", v.job_id);
  members::read(j, "objectName", v.object_name);
  members::require(j, "target", v.target);
  members::require(j, "scenarioName", v.scenario_name);
  members::require(j, "scenarioImage", v.scenario_image);
  members::read_text(j, "scenarioRun", v.scenario_run);
  members::read(j, "declaredVariables", v.declared_variables);
  members::read(j, "variablesKnown", v.variables_known);
  members::read(j, "environment", v.environment);
  members::read(j, "secretVariables", v.secret_variables);
  members::read(j, "kubeconfigPath", v.kubeconfig_path);
  members::read(j, "files", v.files);
  members::read(j, "pull", v.pull);
  members::read(j, "timeoutSeconds", v.timeout_seconds);
  members::read(j, "owner", v.owner);
}

inline void to_json(nlohmann::json& j, const RunState& v) {
  j = {{"jobId", v.job_id}, {"phase", to_string(v.phase)}, {"message", v.message}};
  members::write(j, "handle", v.handle);
  members::write(j, "startUnixMs", v.start_unix_ms);
  members::write(j, "endUnixMs", v.end_unix_ms);
  members::write(j, "exitCode", v.exit_code);
}
inline void from_json(const nlohmann::json& j, RunState& v) {
  members::expect_object(j);
  v = RunState{};
  std::string phase;
  members::require(j, "jobId", v.job_id);
  members::require(j, "phase", phase);
  v.phase = phase_from_string(phase);
  members::read(j, "message", v.message);
  members::read(j, "handle", v.handle);
  members::read(j, "startUnixMs", v.start_unix_ms);
  members::read(j, "endUnixMs", v.end_unix_ms);
  members::read(j, "exitCode", v.exit_code);
}

inline void to_json(nlohmann::json& j, const Plan& v) {
  j = nlohmann::json::object();
  members::write_text(j, "objects", v.objects);
}
inline void from_json(const nlohmann::json& j, Plan& v) {
  members::expect_object(j);
  v = Plan{};
  members::read_text(j, "objects", v.objects);
}

inline void to_json(nlohmann::json& j, const ListRequest&) {
  j = nlohmann::json::object();
}
inline void from_json(const nlohmann::json& j, ListRequest&) {
  members::expect_object(j);
}

inline void to_json(nlohmann::json& j, const RunRequest& v) {
  j = {{"jobId", v.job_id}};
  members::write(j, "handle", v.handle);
}
inline void from_json(const nlohmann::json& j, RunRequest& v) {
  members::expect_object(j);
  v = RunRequest{};
  members::require(j, "jobId", v.job_id);
  members::read(j, "handle", v.handle);
}

inline void to_json(nlohmann::json& j, const StopRequest& v) {
  j = {{"jobId", v.job_id}, {"graceSeconds", v.grace_seconds}};
  members::write(j, "handle", v.handle);
}
inline void from_json(const nlohmann::json& j, StopRequest& v) {
  members::expect_object(j);
  v = StopRequest{};
  members::require(j, "jobId", v.job_id);
  members::read(j, "handle", v.handle);
  members::read(j, "graceSeconds", v.grace_seconds);
}

inline void to_json(nlohmann::json& j, const LogsRequest& v) {
  j = {{"jobId", v.job_id}, {"offset", v.offset}, {"follow", v.follow}};
  members::write(j, "handle", v.handle);
}
inline void from_json(const nlohmann::json& j, LogsRequest& v) {
  members::expect_object(j);
  v = LogsRequest{};
  members::require(j, "jobId", v.job_id);
  members::read(j, "handle", v.handle);
  members::read(j, "offset", v.offset);
  members::read(j, "follow", v.follow);
}

inline void to_json(nlohmann::json& j, const LogEvent& v) {
  j = nlohmann::json::object();
  members::write(j, "offset", v.offset);
  members::write(j, "unixMs", v.unix_ms);
}
inline void from_json(const nlohmann::json& j, LogEvent& v) {
  members::expect_object(j);
  v = LogEvent{};
  members::read(j, "offset", v.offset);
  members::read(j, "unixMs", v.unix_ms);
}

inline void to_json(nlohmann::json& j, const LogsAnswer& v) {
  j = {{"endOffset", v.end_offset}};
}
inline void from_json(const nlohmann::json& j, LogsAnswer& v) {
  members::expect_object(j);
  v = LogsAnswer{};
  members::read(j, "endOffset", v.end_offset);
}

}  // namespace operon::kinds::job_runner
