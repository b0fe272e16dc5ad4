#include "pod_state.hpp"

#include <charconv>
#include <nlohmann/json.hpp>

#include "objects.hpp"
#include "text.hpp"

namespace operon::runner_pod {

using kinds::job_runner::Phase;
using nlohmann::json;

namespace {

const json nothing = json::object();

/// A member that is an object, however the object was spoilt.
const json& object_at(const json& value, const char* name) {
  if (!value.is_object()) return nothing;
  const auto found = value.find(name);
  return found != value.end() && found->is_object() ? *found : nothing;
}
std::string text_at(const json& value, const char* name) {
  if (!value.is_object()) return {};
  const auto found = value.find(name);
  return found != value.end() && found->is_string() ? found->get<std::string>() : std::string();
}
std::optional<int64_t> number_at(const json& value, const char* name) {
  if (!value.is_object()) return std::nullopt;
  const auto found = value.find(name);
  return found != value.end() && found->is_number_integer() ? std::optional(found->get<int64_t>()) : std::nullopt;
}

const json& entry(const json& list_owner, const char* list, const char* key, const char* wanted) {
  if (!list_owner.is_object()) return nothing;
  const auto found = list_owner.find(list);
  if (found == list_owner.end() || !found->is_array()) return nothing;
  for (const auto& one : *found) {
    if (text_at(one, key) == wanted) return one;
  }
  return nothing;
}

std::string with(const std::string& words, const std::string& more) {
  return more.empty() ? words : words + ": " + more;
}

/// Its condition DisruptionTarget says so, on servers since 1.26.
std::string taken_away_by_cluster(const json& status) {
  const auto& condition = entry(status, "conditions", "type", "DisruptionTarget");
  if (text_at(condition, "status") != "True") return {};
  const auto reason = text_at(condition, "reason"), message = text_at(condition, "message");
  if (reason == "DeletionByTaintManager") return with("its node was lost or is not to run it any more (taint)", message);
  if (reason == "DeletionByPodGC") return with("its node was lost", message);
  if (reason == "PreemptionByScheduler") return with("made room for a pod of higher priority (preempted)", message);
  if (reason == "EvictionByEvictionAPI") return with("evicted, as when a node is drained", message);
  if (reason == "TerminationByKubelet") return with("ended by its node (eviction or shutdown)", message);
  return with("removed by the cluster (" + reason + ")", message);
}

std::string pending_words(const json& status, const std::string& image) {
  const auto& container = entry(status, "containerStatuses", "name", container_name);
  const auto& waiting = object_at(object_at(container, "state"), "waiting");
  const auto reason = text_at(waiting, "reason"), message = text_at(waiting, "message");
  if (reason == "ErrImagePull" || reason == "ImagePullBackOff" || reason == "ErrImageNeverPull" || reason == "InvalidImageName" ||
      reason == "RegistryUnavailable" || reason == "ImageInspectError") {
    return with("the image " + image + " cannot be pulled (" + reason + ")", message);
  }
  if (reason == "CreateContainerConfigError" || reason == "CreateContainerError" || reason == "RunContainerError") {
    return with("the container cannot be created (" + reason + ")", message);
  }
  if (!reason.empty() && reason != "ContainerCreating" && reason != "PodInitializing") return with("waiting: " + reason, message);
  const auto& scheduled = entry(status, "conditions", "type", "PodScheduled");
  if (text_at(scheduled, "status") == "False") {
    const auto why = text_at(scheduled, "reason");
    if (why == "Unschedulable") return with("no node can run the pod (unschedulable)", text_at(scheduled, "message"));
    return with("not scheduled yet" + (why.empty() ? std::string() : " (" + why + ")"), text_at(scheduled, "message"));
  }
  if (!reason.empty()) return "the container is being created";
  return {};
}

std::string limit_words(const json& pod, const char* resource) {
  const auto& container = entry(object_at(pod, "spec"), "containers", "name", container_name);
  const auto limit = text_at(object_at(object_at(container, "resources"), "limits"), resource);
  return limit.empty() ? std::string() : "; its limit is " + limit;
}

std::string exit_words(const json& pod, const json& terminated) {
  const auto reason = text_at(terminated, "reason"), message = text_at(terminated, "message");
  const auto code = number_at(terminated, "exitCode").value_or(0);
  if (reason == "OOMKilled") return "killed because it used more memory than it may (OOMKilled)" + limit_words(pod, "memory");
  if (reason == "ContainerStatusUnknown") return with("its node lost sight of it: how it ended is not known", message);
  if (reason == "ContainerCannotRun" || reason == "StartError") return with("the container could not be started (" + reason + ")", message);
  if (reason == "DeadlineExceeded") return "ended at its time limit";
  if (const auto signal = number_at(terminated, "signal"); signal && *signal > 0) return "killed by signal " + std::to_string(*signal);
  std::string words = "exit code " + std::to_string(code);
  if (code > 128 && code < 160) words += " (signal " + std::to_string(code - 128) + ")";
  return with(words, message);
}

std::string failed_words(const json& pod, const json& terminated) {
  const auto& status = object_at(pod, "status");
  const auto reason = text_at(status, "reason"), message = text_at(status, "message");
  if (reason == "DeadlineExceeded") {
    const auto limit = number_at(object_at(pod, "spec"), "activeDeadlineSeconds");
    return "ended at its time limit" + (limit ? " of " + std::to_string(*limit) + " s" : std::string());
  }
  if (reason == "Evicted") return with("evicted by its node", message);
  if (reason == "NodeLost") return with("its node was lost", message);
  if (reason == "Terminated" || reason == "NodeShutdown" || reason == "Shutdown") return with("its node shut down", message);
  if (reason == "Preempting" || reason == "Preempted") return with("made room for a pod of higher priority (preempted)", message);
  if (text_at(terminated, "reason") == "OOMKilled") return exit_words(pod, terminated);
  if (const auto taken = taken_away_by_cluster(status); !taken.empty()) return taken;
  if (!reason.empty()) return with("refused by its node (" + reason + ")", message);
  if (!terminated.empty()) return exit_words(pod, terminated);
  return with("the pod failed", message);
}

/// The container ended after somebody had asked for the pod's deletion.
bool ended_by_deletion(const json& meta, const json& terminated) {
  const auto deletion = unix_ms(text_at(meta, "deletionTimestamp"));
  if (!deletion) return false;
  const auto finished = unix_ms(text_at(terminated, "finishedAt"));
  const int64_t asked = *deletion - number_at(meta, "deletionGracePeriodSeconds").value_or(0) * 1000;
  return !finished || *finished >= asked;
}

void read_container(const json& pod, PodState& state) {
  const auto& container = entry(object_at(pod, "status"), "containerStatuses", "name", container_name);
  const auto& now = object_at(container, "state");
  const auto& terminated = object_at(now, "terminated");
  state.container_ended = !terminated.empty();
  state.container_began = state.container_ended || !object_at(now, "running").empty();
  state.end_unix_ms = unix_ms(text_at(terminated, "finishedAt"));
  if (const auto code = number_at(terminated, "exitCode")) state.exit_code = static_cast<int>(*code);
}

void read_phase(const json& pod, PodState& state) {
  const auto& status = object_at(pod, "status");
  const auto& container = entry(status, "containerStatuses", "name", container_name);
  const auto& terminated = object_at(object_at(container, "state"), "terminated");
  const auto phase = text_at(status, "phase");
  const bool ended = phase == "Succeeded" || phase == "Failed";
  // Whatever exit code its end by a signal has: 0 is possible.
  if (ended && state.taken_away.empty() && text_at(status, "reason").empty() && ended_by_deletion(object_at(pod, "metadata"), terminated)) {
    state.phase = Phase::stopped;
    state.message = pod_deleted_words;
  } else if (phase == "Succeeded") {
    state.phase = Phase::succeeded;
  } else if (phase == "Failed") {
    state.phase = Phase::failed;
    state.message = failed_words(pod, terminated);
  } else if (phase == "Running") {
    state.phase = Phase::running;
  } else if (phase == "Unknown") {
    state.phase = Phase::running;
    state.message = with("its node does not answer", text_at(status, "message"));
  } else {
    state.message = pending_words(status, text_at(entry(object_at(pod, "spec"), "containers", "name", container_name), "image"));
  }
  if (!state.ended()) {
    state.end_unix_ms.reset();
    state.exit_code.reset();
    if (!state.taken_away.empty()) state.message = state.taken_away;
  }
}

}  // namespace

std::optional<PodState> read_pod(const json& pod) {
  const auto& meta = object_at(pod, "metadata");
  PodState state;
  state.job_id = text_at(object_at(meta, "labels"), job_label);
  state.name = text_at(meta, "name");
  if (state.job_id.empty() || state.name != pod_name(state.job_id)) return std::nullopt;
  state.uid = text_at(meta, "uid");
  const auto version = text_at(meta, "resourceVersion");
  std::from_chars(version.data(), version.data() + version.size(), state.version);
  state.being_deleted = !text_at(meta, "deletionTimestamp").empty();
  state.taken_away = taken_away_by_cluster(object_at(pod, "status"));
  state.start_unix_ms = unix_ms(text_at(object_at(pod, "status"), "startTime"));
  read_container(pod, state);
  read_phase(pod, state);
  return state;
}

std::string still_there_words(const std::string& name, const json& pod) {
  const auto& meta = object_at(pod, "metadata");
  auto words = "pod " + name + " is being deleted";
  const bool node_is_done = number_at(meta, "deletionGracePeriodSeconds") == 0;
  if (const auto node = text_at(object_at(pod, "spec"), "nodeName"); !node.empty() && !node_is_done) {
    words += "; node " + node + " has not confirmed its end (if that node is gone for good, delete the node)";
  }
  const auto held = meta.find("finalizers");
  if (held == meta.end() || !held->is_array()) return words;
  for (const auto& finalizer : *held) {
    if (finalizer.is_string()) words += "; finalizer " + finalizer.get<std::string>() + " holds it";
  }
  return words;
}

PodState when_gone(PodState last, int64_t now) {
  if (!last.ended()) {
    last.phase = last.taken_away.empty() ? Phase::stopped : Phase::failed;
    last.message = last.taken_away.empty() ? pod_deleted_words : last.taken_away;
  }
  if (!last.end_unix_ms) last.end_unix_ms = now;
  last.container_ended = true;
  return last;
}

}  // namespace operon::runner_pod
