#include "core/jobs/run_object.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "core/base/text.hpp"
#include "core/jobs/jobs.hpp"
#include "operon/base64.hpp"
#include "operon/kinds/job_runner_json.hpp"
#include "operon/members.hpp"

namespace operon::jobs {

using nlohmann::json;
namespace kind = kinds::job_runner;

namespace {

constexpr const char* request_parts_annotation = "operon.dev/request-parts";
constexpr size_t requested_by_characters_max = 1024;
constexpr const char* mask = "***";

const json nothing = json::object();

/// A part of an object; empty when it is not there.
const json& part(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return nothing;
  if (!found->is_object()) throw members::MemberError(name, "must be an object");
  return *found;
}

std::string text_of(const json& object, const char* name) {
  std::string text;
  if (const auto found = object.find(name); found != object.end() && !found->is_null()) members::read(object, name, text);
  return text;
}

std::optional<int64_t> time_of(const json& object, const char* name) {
  const auto text = text_of(object, name);
  if (text.empty()) return std::nullopt;
  const auto time = base::from_rfc3339(text);
  if (!time) throw members::MemberError(name, "is no time: '" + base::printable(text) + "'");
  return time;
}

const char* word(Cleanup cleanup) {
  switch (cleanup) {
    case Cleanup::log:
      return "Log";
    case Cleanup::runner:
      return "Runner";
    case Cleanup::none:
      break;
  }
  return "None";
}

Cleanup cleanup_of(const std::string& text) {
  if (text == "None") return Cleanup::none;
  return text == "Runner" ? Cleanup::runner : Cleanup::log;
}

void read_spec(const json& spec, RunRow& row) {
  Job& job = row.record.job;
  members::require(spec, "targetId", job.target_id);
  members::require(spec, "clusterName", job.cluster_name);
  members::require(spec, "scenarioName", job.scenario_name);
  members::require(spec, "scenarioImage", job.scenario_image);
  members::read(spec, "timeoutSeconds", job.timeout_seconds);
  members::read(spec, "stop", row.stop_asked);
  job.provider = text_of(spec, "provider");
  job.registry = text_of(spec, "registry");
  job.runner = text_of(spec, "runner");
  const json& origin = part(spec, "origin");
  row.applied = origin.empty();
  if (row.applied) return;
  members::require(origin, "jobId", job.id);
  members::require(origin, "digest", job.digest);
  job.user = text_of(origin, "requestedBy");
  row.accepted = true;
}

void read_conditions(const json& status, RunRow& row) {
  const auto list = status.find("conditions");
  if (list == status.end() || !list->is_array()) return;
  for (const auto& one : *list) {
    if (!one.is_object()) throw members::MemberError("status.conditions", "must hold objects");
    const bool holds = text_of(one, "status") == "True";
    const int64_t since = time_of(one, "lastTransitionTime").value_or(0);
    const auto type = text_of(one, "type");
    if (type == "Accepted" && holds) row.conditions.accepted_ms = since;
    if (type == "Started" && holds) row.conditions.started_ms = since;
    if (type == "Ended" && holds) row.conditions.ended_ms = since;
  }
}

void read_status(const json& status, RunRow& row) {
  JobRecord& record = row.record;
  Job& job = record.job;
  const auto set = [&status](const char* name, std::string& into) {
    if (auto text = text_of(status, name); !text.empty()) into = std::move(text);
  };
  set("provider", job.provider);
  set("registry", job.registry);
  set("runner", job.runner);
  set("message", job.message);
  if (row.applied) {
    set("requestedBy", job.user);
    set("digest", job.digest);
    row.accepted = !job.digest.empty();
  }
  if (const auto phase = text_of(status, "phase"); !phase.empty()) job.phase = kind::phase_from_string(phase);
  job.start_unix_ms = time_of(status, "startTime");
  job.end_unix_ms = time_of(status, "completionTime");
  members::read(status, "exitCode", job.exit_code);
  members::read(status, "timedOut", record.timed_out);
  record.cleanup = cleanup_of(text_of(status, "cleanup"));
  const json& handle = part(status, "runnerHandle");
  if (!handle.empty()) {
    kind::Handle value;
    members::require(handle, "version", value.version);
    members::require(handle, "state", value.state);
    record.handle = std::move(value);
  }
  read_conditions(status, row);
}

json condition(const char* type, bool holds, int64_t since, int64_t generation, std::string reason, const std::string& message) {
  return {{"type", type},
          {"status", holds ? "True" : "False"},
          {"observedGeneration", generation},
          {"lastTransitionTime", base::rfc3339(since)},
          {"reason", std::move(reason)},
          {"message", message}};
}

template <class T>
json value_or_null(const std::optional<T>& value) {
  return value ? json(*value) : json();
}

json text_or_null(const std::string& text) {
  return text.empty() ? json() : json(text);
}

json time_or_null(const std::optional<int64_t>& unix_ms) {
  return unix_ms ? json(base::rfc3339(*unix_ms)) : json();
}

/// Puts what a spec cannot hold into Secrets, one after the other.
class RequestParts {
 public:
  RequestParts(std::string job_id, size_t bytes_max) : job_id_(std::move(job_id)), bytes_max_(bytes_max) {}

  /// The reference. `what` names the value for who sent it.
  json put(const std::string& key, const std::string& value, const std::string& what) {
    if (value.size() > bytes_max_) {
      throw Error(Error(Code::failed_precondition, what + " has " + std::to_string(value.size()) +
                                                       " bytes; the record of a run on a cluster holds at most " +
                                                       std::to_string(bytes_max_) + " of one value (request_part_bytes_max)")
                      .with_field(what));
    }
    if (secrets_.empty() || used_ + value.size() > bytes_max_) {
      auto secret = std::make_shared<json>(json{{"apiVersion", "v1"}, {"kind", "Secret"}, {"type", "Opaque"}, {"data", json::object()}});
      (*secret)["metadata"] = {{"name", request_part_name(job_id_, static_cast<unsigned>(secrets_.size()))},
                               {"labels", {{"krkn-job-id", job_id_}}}};
      secrets_.push_back(std::move(secret));
      used_ = 0;
    }
    used_ += value.size();
    (*secrets_.back())["data"][key] = base64_encode(value);
    return {{"name", (*secrets_.back())["metadata"]["name"]}, {"key", key}};
  }
  std::vector<std::shared_ptr<json>> take() { return std::move(secrets_); }

 private:
  const std::string job_id_;
  const size_t bytes_max_;
  std::vector<std::shared_ptr<json>> secrets_;
  size_t used_ = 0;
};

void put_environment(const kind::StartRequest& request, const RunObjectLimits& limits, size_t& room, json& spec, RequestParts& parts) {
  for (const auto& [name, value] : request.environment) {
    const bool secret = std::find(request.secret_variables.begin(), request.secret_variables.end(), name) != request.secret_variables.end();
    if (!secret && value.size() <= limits.value_bytes_max && value.size() <= room) {
      room -= value.size();
      spec["environment"][name] = value;
    } else {
      spec["secretEnvironment"][name] = parts.put("env." + name, value, "environment." + name);
    }
  }
}

void put_files(const PendingRequest& pending, const RunObjectLimits& limits, size_t& room, json& spec, RequestParts& parts) {
  for (size_t i = 0; i < pending.request.files.size(); ++i) {
    const auto& file = pending.request.files[i];
    const auto& content = *pending.blobs.at(file.blob);
    json entry = {{"name", file.name}, {"mountPath", file.mount_path}};
    if (content.size() <= limits.file_bytes_max && content.size() <= room) {
      room -= content.size();
      entry["content"] = base64_encode(content);
    } else {
      entry["secret"] = parts.put("file." + std::to_string(i), content, "files[" + std::to_string(i) + "]");
    }
    spec["files"].push_back(std::move(entry));
  }
}

void put_registry(const kind::StartRequest& request, json& spec, RequestParts& parts) {
  if (!request.pull) return;
  const auto& pull = *request.pull;
  spec["registryUrl"] = pull.registry_url;
  spec["scenarioRepository"] = pull.repository;
  if (pull.skip_tls) spec["skipTls"] = true;
  if (pull.insecure) spec["insecure"] = true;
  json last;
  for (const auto& [key, value] : {std::pair("username", &pull.username), {"password", &pull.password}, {"token", &pull.token}}) {
    if (!value->empty()) last = parts.put(key, *value, key);
  }
  if (!last.is_null()) spec["registryCredentials"] = {{"name", last["name"]}};
}

}  // namespace

const kube::Resource& run_resource() {
  static const kube::Resource resource{"operon.dev", "v1alpha1", "runs"};
  return resource;
}

kube::Trim run_trim() {
  kube::Trim trim;
  trim.keep = {"metadata.creationTimestamp", "metadata.deletionTimestamp", "metadata.finalizers", "metadata.generation"};
  trim.keep.emplace_back("metadata.annotations.operon\\.dev/request-parts");
  for (const char* name :
       {"targetId", "clusterName", "scenarioName", "scenarioImage", "timeoutSeconds", "stop", "provider", "registry", "runner", "origin"}) {
    trim.keep.push_back(std::string("spec.") + name);
  }
  for (const char* name : {"phase", "message", "exitCode", "startTime", "completionTime", "runner", "registry", "provider", "requestedBy",
                           "digest", "runnerHandle", "cleanup", "timedOut", "conditions"}) {
    trim.keep.push_back(std::string("status.") + name);
  }
  return trim;
}

namespace {

/// Whoever may annotate a Run may write what he likes: that is ignored, and neither the Run nor the host suffers from it.
void read_annotations(const json& metadata, RunRow& row) {
  const auto text = text_of(part(metadata, "annotations"), request_parts_annotation);
  if (text.empty()) return;
  unsigned parts = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), parts);
  if (wrong == std::errc() && end == text.data() + text.size() && parts <= request_parts_max) {
    row.request_parts = parts;
  } else {
    row.ignored = std::string("annotation ") + request_parts_annotation + " is '" + base::printable(text) + "', which is no number up to " +
                  std::to_string(request_parts_max) + ": ignored; Secrets of its request stay until the Run is removed";
  }
}

}  // namespace

RunRow read_run(const json& run) {
  RunRow row;
  const json& metadata = part(run, "metadata");
  members::require(metadata, "name", row.name);
  members::require(metadata, "uid", row.uid);
  row.resource_version = text_of(metadata, "resourceVersion");
  row.version = kube::version_number(row.resource_version);
  members::read(metadata, "generation", row.generation);
  members::read(metadata, "finalizers", row.finalizers);
  if (const auto since = time_of(metadata, "deletionTimestamp")) {
    row.deleting = true;
    row.deleting_since_ms = *since;
  }
  read_annotations(metadata, row);
  read_spec(part(run, "spec"), row);
  Job& job = row.record.job;
  if (row.applied) job.id = row.uid;
  job.created_unix_ms = time_of(metadata, "creationTimestamp").value_or(0);
  read_status(part(run, "status"), row);
  job.stop_requested = row.stop_asked || row.deleting || row.record.timed_out;
  row.record.json = to_contract_json(job);
  return row;
}

bool RunRow::held() const {
  return std::find(finalizers.begin(), finalizers.end(), run_finalizer) != finalizers.end();
}

json finalizer_patch(const RunRow& row, bool held) {
  auto all = row.finalizers;
  std::erase(all, run_finalizer);
  if (held) all.emplace_back(run_finalizer);
  return {{"metadata", {{"resourceVersion", row.resource_version}, {"finalizers", all}}}};
}

std::string request_part_name(const std::string& job_id, unsigned index) {
  return "krkn-job-" + job_id + "-request" + (index == 0 ? "" : "-" + std::to_string(index));
}

NewRun new_run(const JobRecord& record, const PendingRequest& pending, const RunObjectLimits& limits) {
  const Job& job = record.job;
  const auto& request = pending.request;
  json spec = {{"targetId", job.target_id},
               {"clusterName", job.cluster_name},
               {"scenarioName", job.scenario_name},
               {"scenarioImage", job.scenario_image},
               {"runner", job.runner}};
  if (!request.kubeconfig_path.empty()) spec["kubeconfigPath"] = request.kubeconfig_path;
  if (!job.provider.empty()) spec["provider"] = job.provider;
  if (!job.registry.empty() && !request.pull) spec["registry"] = job.registry;
  if (job.timeout_seconds > 0) spec["timeoutSeconds"] = job.timeout_seconds;
  RequestParts parts(job.id, limits.request_part_bytes_max);
  size_t room = limits.inline_bytes_max;
  put_registry(request, spec, parts);  // first: all of it in one Secret
  put_environment(request, limits, room, spec, parts);
  put_files(pending, limits, room, spec, parts);
  spec["origin"] = {{"jobId", job.id}, {"digest", job.digest}};
  if (!job.user.empty()) spec["origin"]["requestedBy"] = job.user.substr(0, requested_by_characters_max);
  NewRun made;
  made.secrets = parts.take();
  json metadata = {{"name", job.pod_name()}, {"labels", {{"krkn-job-id", job.id}}}, {"finalizers", json::array({run_finalizer})}};
  if (!made.secrets.empty()) metadata["annotations"] = {{request_parts_annotation, std::to_string(made.secrets.size())}};
  made.run = std::make_shared<json>(
      json{{"apiVersion", run_api_version}, {"kind", "Run"}, {"metadata", std::move(metadata)}, {"spec", std::move(spec)}});
  return made;
}

void give(json& secret, const kind::Owner& run) {
  secret["metadata"]["ownerReferences"] =
      json::array({{{"apiVersion", run.api_version}, {"kind", run.kind}, {"name", run.name}, {"uid", run.uid}}});
}

kind::Owner owner_to_be(const JobRecord& record) {
  return {run_api_version, "Run", record.job.pod_name(), "(of the Run)"};
}

json shown_run(const NewRun& made, const kind::Owner& owner, const PendingRequest& pending) {
  json run = *made.run;
  json& spec = run["spec"];
  for (size_t i = 0; spec.contains("files") && i < spec["files"].size(); ++i) {
    const auto& file = pending.request.files.at(i);
    json& shown = spec["files"][i];
    if (shown.contains("content")) shown["content"] = "(" + std::to_string(file.size) + " bytes, sha256 " + file.sha256 + ")";
  }
  json list = json::array({std::move(run)});
  for (const auto& original : made.secrets) {
    json secret = *original;
    for (const auto& [key, value] : secret["data"].items()) secret["stringData"][key] = mask;
    secret.erase("data");
    give(secret, owner);
    list.push_back(std::move(secret));
  }
  return list;
}

json status_patch(const JobRecord& record, bool started, const RunRow& row, int64_t now_ms) {
  const Job& job = record.job;
  const auto since = [now_ms](int64_t before) { return before != 0 ? before : now_ms; };
  json conditions = json::array();
  conditions.push_back(condition("Accepted", true, since(row.conditions.accepted_ms), row.generation, "Recorded", ""));
  if (started) conditions.push_back(condition("Started", true, since(row.conditions.started_ms), row.generation, "RunnerHasIt", ""));
  if (job.ended()) {
    conditions.push_back(condition("Ended", true, since(row.conditions.ended_ms), row.generation, kind::to_string(job.phase), job.message));
  }
  json status = {{"observedGeneration", row.generation},
                 {"phase", kind::to_string(job.phase)},
                 {"message", text_or_null(job.message)},
                 {"exitCode", value_or_null(job.exit_code)},
                 {"startTime", time_or_null(job.start_unix_ms)},
                 {"completionTime", time_or_null(job.end_unix_ms)},
                 {"jobId", job.id},
                 {"podName", job.pod_name()},
                 {"runner", job.runner},
                 {"registry", text_or_null(job.registry)},
                 {"provider", text_or_null(job.provider)},
                 {"requestedBy", text_or_null(job.user.substr(0, requested_by_characters_max))},
                 {"digest", job.digest},
                 {"timedOut", record.timed_out ? json(true) : json()},
                 {"cleanup", job.ended() ? json(word(record.cleanup)) : json()},
                 {"conditions", std::move(conditions)}};
  if (record.handle) status["runnerHandle"] = {{"version", record.handle->version}, {"state", record.handle->state}};
  return {{"metadata", {{"resourceVersion", row.resource_version}}}, {"status", std::move(status)}};
}

json refusal_patch(Phase phase, const std::string& reason, const std::string& message, const RunRow& row, int64_t now_ms) {
  json status = {{"observedGeneration", row.generation},
                 {"phase", kind::to_string(phase)},
                 {"message", message},
                 {"completionTime", base::rfc3339(now_ms)},
                 {"jobId", row.record.job.id},
                 {"cleanup", word(Cleanup::none)},
                 {"conditions", json::array({condition("Accepted", false, now_ms, row.generation, reason, message)})}};
  return {{"metadata", {{"resourceVersion", row.resource_version}}}, {"status", std::move(status)}};
}

std::string writer_of(const json& run) {
  const auto managers = part(run, "metadata").find("managedFields");
  if (managers == part(run, "metadata").end() || !managers->is_array() || managers->empty()) return "";
  return text_of(managers->front(), "manager");
}

}  // namespace operon::jobs
