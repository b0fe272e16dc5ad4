#include "cluster.hpp"

#include <algorithm>
#include <numeric>
#include <random>

#include "operon/members.hpp"
#include "text.hpp"

namespace operon::runner_pod {

using nlohmann::json;
using sdk::KubernetesAnswer;
using sdk::KubernetesOutcome;
using sdk::KubernetesQuery;
using sdk::KubernetesRequest;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds request_ms_max{10'000};
constexpr milliseconds back_off_first{100}, back_off_max{2'000};
constexpr unsigned attempts_max = 6;
constexpr const char* page_objects_max = "250";
constexpr const char* watch_seconds_max = "1800";
constexpr size_t event_name_bytes_max = 200;
constexpr const char* names_only = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

std::string member(const KubernetesAnswer& answer, const char* name) {
  const auto body = json::parse(answer.body, nullptr, false);
  const auto found = body.is_object() ? body.find(name) : body.end();
  return body.is_object() && found != body.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool passing(const KubernetesAnswer& answer) {
  if (answer.status == 429 || answer.status >= 500) return true;
  // A quota that many creations count against at once.
  return answer.status == 409 && member(answer, "reason") == "Conflict";
}

bool passing(const Error& e) {
  return e.code() == Code::unavailable || e.code() == Code::deadline_exceeded || e.code() == Code::resource_exhausted;
}

bool passing(const KubernetesOutcome& outcome) {
  return outcome.error ? passing(*outcome.error) && outcome.error->reason() != "NoCluster" : passing(outcome.answer);
}

milliseconds back_off(unsigned attempt) {
  static thread_local std::minstd_rand random{std::random_device{}()};
  const auto most = std::min(back_off_max, back_off_first * (1 << std::min(attempt, 8u)));
  return milliseconds(std::uniform_int_distribution<long>(most.count() / 2, most.count())(random));
}

json delete_options(int64_t grace_seconds) {
  return {{"apiVersion", "v1"}, {"kind", "DeleteOptions"}, {"gracePeriodSeconds", grace_seconds}, {"propagationPolicy", "Background"}};
}

const std::string all_runs = std::string(app_label) + "=" + app_label_value + "," + job_label;

}  // namespace

Error refusal(const std::string& what, const KubernetesAnswer& answer) {
  auto message = member(answer, "message");
  if (message.empty()) message = "the API server answered " + std::to_string(answer.status);
  const auto has = [&](const char* words) { return message.find(words) != message.npos; };
  const auto error = [&](Code code, const char* reason, const std::string& words) {
    return Error(code, what + ": " + words + ": " + message).with_reason(reason);
  };
  switch (answer.status) {
    case 401:
      return error(Code::unavailable, "CredentialsRefused", "the API server does not take the host's credentials");
    case 403:
      if (has("exceeded quota")) return error(Code::unavailable, "QuotaExceeded", "the namespace's quota does not allow it");
      if (has("being terminated")) return error(Code::unavailable, "NamespaceTerminating", "the namespace is being deleted");
      if (has("serviceaccount") && has("not found")) {
        return error(Code::unavailable, "ServiceAccountMissing", "the service account of the configuration does not exist");
      }
      if (has("cannot ")) return error(Code::permission_denied, "RoleMissing", "the host's role does not allow it");
      return error(Code::failed_precondition, "AdmissionDenied", "a rule of the cluster does not admit it");
    case 404:
      return error(Code::unavailable, "NamespaceMissing", "what it belongs to does not exist");
    case 429:
      return error(Code::resource_exhausted, "ApiServerBusy", "the API server is busy");
    default:
      if (answer.status >= 500) return error(Code::unavailable, "ApiServerFailed", "the API server failed");
      if (has("denied the request")) return error(Code::failed_precondition, "AdmissionDenied", "a rule of the cluster does not admit it");
      return error(Code::failed_precondition, "Refused", "the API server refuses it");
  }
}

Cluster::Cluster(sdk::Host host, std::string name_space) : kubernetes_(std::move(host)), name_space_(std::move(name_space)) {}

void Cluster::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
}

/// False when nothing is to be tried any more.
bool Cluster::sleep(milliseconds time, const Until& until) {
  if (until.call != nullptr) return until.call->sleep(time);
  std::unique_lock lock(mutex_);
  return !wake_.wait_for(lock, time, [&] { return stopping_; });
}

std::string Cluster::name_space() {
  {
    const std::lock_guard lock(mutex_);
    if (!name_space_.empty()) return name_space_;
  }
  const auto info = kubernetes_.info();
  const std::lock_guard lock(mutex_);
  return name_space_ = info.name_space;
}

std::string Cluster::path(const std::string& resource, const std::string& name) {
  return "/api/v1/namespaces/" + name_space() + "/" + resource + (name.empty() ? "" : "/" + name);
}

KubernetesAnswer Cluster::ask(KubernetesRequest request, const Until& until) {
  std::vector<KubernetesRequest> one;
  one.push_back(std::move(request));
  auto outcome = std::move(ask_all(std::move(one), until).front());
  if (outcome.error) throw std::move(*outcome.error);
  return std::move(outcome.answer);
}

/// What passes is tried again, and that alone. In the order of the requests.
std::vector<KubernetesOutcome> Cluster::ask_all(std::vector<KubernetesRequest> requests, const Until& until) {
  std::vector<KubernetesOutcome> outcomes(requests.size());
  std::vector<size_t> open(requests.size());
  std::iota(open.begin(), open.end(), size_t{0});
  for (unsigned attempt = 0;; ++attempt) {
    const auto left = std::chrono::duration_cast<milliseconds>(until.deadline - std::chrono::steady_clock::now());
    for (auto& request : requests) request.timeout = std::clamp(left, milliseconds(100), request_ms_max);
    const auto pause = back_off(attempt);
    const bool last = attempt + 1 >= attempts_max || left <= pause + milliseconds(100) || until.cancelled();
    auto told = kubernetes_.request_all(until.call, requests);
    std::vector<size_t> again;
    std::vector<KubernetesRequest> to_try;
    for (size_t i = 0; i < told.size(); ++i) {
      auto& outcome = outcomes[open[i]] = std::move(told[i]);
      if (!passing(outcome)) continue;
      again.push_back(open[i]);
      to_try.push_back(std::move(requests[i]));
    }
    if (last || again.empty() || until.cancelled()) return outcomes;
    if (!sleep(pause, until)) throw Error(Code::cancelled, "whoever asked has gone, or the runner is stopping");
    open = std::move(again);
    requests = std::move(to_try);
  }
}

std::optional<json> Cluster::create(const std::vector<Object>& objects, const Object* pod, const Until& until) {
  std::optional<json> made;
  size_t sent = 0, left = objects.size() + (pod != nullptr ? 1 : 0);
  while (left > 0) {
    std::vector<const Object*> batch;
    if (pod != nullptr && left <= objects_at_once_max) batch.push_back(pod);
    while (batch.size() < std::min(left, objects_at_once_max)) batch.push_back(&objects[sent++]);
    left -= batch.size();
    std::vector<KubernetesRequest> requests;
    requests.reserve(batch.size());
    for (const auto* object : batch) requests.push_back({.path = path(object->resource), .method = "POST", .body = object->body});
    auto outcomes = ask_all(std::move(requests), until);
    for (size_t i = 0; i < batch.size(); ++i) {
      auto& [answer, error] = outcomes[i];
      const auto& object = *batch[i];
      if (error) throw std::move(*error);
      if (answer.status == 409 && member(answer, "reason") == "AlreadyExists") continue;
      if (!answer.ok()) throw refusal(object.body["kind"].get<std::string>() + " " + object.name() + " could not be created", answer);
      if (&object == pod) made = answer.json();
    }
  }
  return made;
}

std::optional<json> Cluster::pod(const std::string& name, const Until& until) {
  const auto answer = ask({.path = path("pods", name)}, until);
  if (answer.status == 404) return std::nullopt;
  if (!answer.ok()) throw refusal("Pod " + name + " could not be read", answer);
  return answer.json();
}

json Cluster::pods(const std::string& next, const Until& until) {
  KubernetesQuery query = {{"labelSelector", all_runs}, {"limit", page_objects_max}};
  if (!next.empty()) query["continue"] = next;
  const auto answer = ask({.path = path("pods"), .query = std::move(query)}, until);
  if (answer.status == 410) throw Error(Code::out_of_range, "the list expired between two pages");
  if (!answer.ok()) throw refusal("the pods of runs could not be listed", answer);
  return answer.json();
}

bool Cluster::remove(const std::string& resource, const std::string& name, int64_t grace_seconds, const Until& until) {
  const auto answer = ask({.path = path(resource, name), .method = "DELETE", .body = delete_options(grace_seconds)}, until);
  if (answer.status == 404) return false;
  if (!answer.ok()) throw refusal(resource + " " + name + " could not be deleted", answer);
  return true;
}

void Cluster::remove_unchanged(const json& pod, const Until& until) {
  const auto& metadata = pod.at("metadata");
  const auto name = metadata.at("name").get<std::string>();
  json options = delete_options(0);
  options["preconditions"] = {{"uid", metadata.at("uid")}, {"resourceVersion", metadata.at("resourceVersion")}};
  const auto answer = ask({.path = path("pods", name), .method = "DELETE", .body = std::move(options)}, until);
  if (answer.status == 409) throw Error(Code::unavailable, "pod " + name + " changed while it was to be removed; it is looked at again");
  if (!answer.ok() && answer.status != 404) throw refusal("pods " + name + " could not be deleted", answer);
}

std::vector<Object> Cluster::parts(const std::string& job_id, const Until& until) {
  std::vector<Object> found;
  for (const char* resource : {"secrets", "configmaps"}) {
    KubernetesQuery query = {{"labelSelector", std::string(job_label) + "=" + job_id}, {"limit", page_objects_max}};
    for (std::string next = "-"; !next.empty();) {
      // The values may be large, and are secret: only names are asked for.
      const auto answer = ask({.path = path(resource), .query = query, .accept = names_only}, until);
      if (!answer.ok()) throw refusal(std::string(resource) + " of job " + job_id + " could not be listed", answer);
      auto list = answer.json();
      for (auto& item : list["items"]) found.push_back({resource, {{"metadata", {{"name", item["metadata"]["name"]}}}}});
      next = list["metadata"].value("continue", "");
      query["continue"] = next;
    }
  }
  return found;
}

void Cluster::remove_pod_async(const std::string& name, int64_t grace_seconds,
                               std::function<void(const KubernetesAnswer&, const std::optional<Error>&)> done) {
  kubernetes_.request_async(
      {.path = path("pods", name), .method = "DELETE", .body = delete_options(grace_seconds), .timeout = request_ms_max}, std::move(done));
}

void Cluster::report_pod(const json& pod, const std::string& reason, const std::string& note) {
  const auto& meta = pod.at("metadata");
  const auto name = meta.value("name", ""), uid = meta.value("uid", ""), where = name_space();
  const auto now = std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  auto time = rfc3339(now);
  time.insert(time.size() - 1, ".000000");
  json event = {{"apiVersion", "events.k8s.io/v1"},
                {"kind", "Event"},
                {"metadata", {{"name", dns_label(name, event_name_bytes_max) + "-" + short_hash(uid + reason)}, {"namespace", where}}},
                {"eventTime", time},
                {"type", "Warning"},
                {"reason", reason},
                {"action", "Read"},
                {"note", note},
                {"reportingController", "operon.dev/runner-pod"},
                {"reportingInstance", "runner-pod"}};
  event["regarding"] = {{"apiVersion", "v1"}, {"kind", "Pod"}, {"namespace", where}, {"name", name}, {"uid", uid}};
  kubernetes_.request_async({.path = "/apis/events.k8s.io/v1/namespaces/" + where + "/events",
                             .method = "POST",
                             .body = std::move(event),
                             .timeout = request_ms_max},
                            [](const KubernetesAnswer&, const std::optional<Error>&) {});
}

sdk::Operation Cluster::watch_pods(const std::string& version, std::function<void(const json&)> on_event,
                                   std::function<void(std::optional<Error>)> on_done) {
  return kubernetes_.watch(
      path("pods"),
      {{"labelSelector", all_runs}, {"resourceVersion", version}, {"allowWatchBookmarks", "true"}, {"timeoutSeconds", watch_seconds_max}},
      std::move(on_event), std::move(on_done));
}

sdk::Operation Cluster::log(const std::string& pod, bool follow, const std::string& since, std::function<bool(std::string_view)> on_bytes,
                            std::function<void(std::optional<Error>)> on_done) {
  sdk::PodLogRequest request{.name_space = name_space(), .pod = pod};
  request.container = container_name;
  request.follow = follow;
  request.timestamps = true;
  request.since_time = since;
  return kubernetes_.log(request, std::move(on_bytes), std::move(on_done));
}

}  // namespace operon::runner_pod
