#include "core/targets/request_controller.hpp"

#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/scrubber.hpp"
#include "core/base/text.hpp"
#include "core/kube/api.hpp"
#include "core/kube/events.hpp"
#include "core/kube/status.hpp"
#include "core/kube/work_queue.hpp"
#include "core/log/log.hpp"
#include "core/targets/managed_clusters.hpp"
#include "core/targets/request_object.hpp"
#include "core/targets/target_client.hpp"

namespace operon::targets {

using nlohmann::json;
using std::chrono::milliseconds;
namespace tp = kinds::target_provider;

namespace {

constexpr unsigned secret_attempts_max = 8;
constexpr size_t complaints_max = 1'000;
constexpr const char* request_label = "krkn.krkn-chaos.dev/target-request";

/// What has been asked of our providers for one request, by this leader.
struct Asked {
  int64_t since_unix_ms = 0;
  std::map<std::string, plugin::CallHandle> waiting;
  std::map<std::string, ListOutcome> answered;  ///< not written yet
  std::map<std::string, std::string> failed;    ///< provider -> why
};

void add_reason(std::string& text, const std::string& provider, const std::string& why) {
  text += (text.empty() ? "" : "; ") + provider + ": " + why;
}

}  // namespace

struct RequestController::Impl : std::enable_shared_from_this<Impl> {
  Impl(plugin::Directory d, kube::Client& c, std::string ns, kube::Informer& r, kube::Informer& p, base::Clock& k, TargetLimits l)
      : directory(std::move(d)),
        api(c),
        name_space(std::move(ns)),
        requests(r),
        providers(p),
        clock(k),
        limits(l),
        events(c, "operon.dev/operond", "operond") {}

  const plugin::Directory directory;
  const kube::Api api;
  const std::string name_space;
  kube::Informer& requests;
  kube::Informer& providers;
  base::Clock& clock;
  const TargetLimits limits;
  kube::EventRecorder events;

  std::mutex mutex;
  std::shared_ptr<kube::WorkQueue> queue;         ///< null while it does not work
  std::map<std::string, Asked> asked;             ///< by key
  std::map<std::string, std::string> complaints;  ///< uid of an object -> what was said of it
  std::vector<std::thread> threads;

  /// What makes no sense is said once, to whoever looks at the object and in the log. Empty: all is well again.
  void complain(const char* kind, const kube::Object& object, const std::string& note) {
    const std::string name(object.name());
    {
      std::lock_guard lock(mutex);
      const std::string key(object.uid());
      const auto known = complaints.find(key);
      if (note.empty()) {
        if (known != complaints.end()) complaints.erase(known);
        return;
      }
      if (known != complaints.end() && known->second == note) return;
      if (complaints.size() >= complaints_max) complaints.clear();
      complaints[key] = note;
    }
    log::warn("an object makes no sense", {{"kind", kind}, {"name", name}, {"reason", note}});
    kube::Event event;
    event.regarding = {api_version, kind, name_space, name, std::string(object.uid())};
    event.warning = true;
    event.reason = "Malformed";
    event.action = "Read";
    event.note = note;
    events.record(std::move(event));
  }

  void work(kube::WorkQueue& keys) {
    while (const auto key = keys.take()) {
      try {
        if (const auto again = reconcile(*key)) keys.add_after(*key, *again);
        keys.forget(*key);
      } catch (const Error& e) {
        log::warn("a target request could not be worked on; it is tried again", {{"target_request", *key}, {"reason", e.what()}});
        keys.add_failed(*key, e.retry_after_ms());
      } catch (const std::exception& e) {
        log::error("a target request cannot be worked on", {{"target_request", *key}, {"reason", e.what()}});
        keys.add_failed(*key);
      }
      keys.done(*key);
    }
  }

  /// Brings one request a step further. Returns when to look again by itself.
  std::optional<milliseconds> reconcile(const std::string& key) {
    const auto object = requests.get(key);
    if (!object) {
      forget(key);
      return std::nullopt;
    }
    TargetRequest request;
    try {
      const auto content = object->parse();
      request = read_request_object(content);
      complain("KrknTargetRequest", *object, ignored_annotation(content));
    } catch (const Error& e) {
      complain("KrknTargetRequest", *object, std::string("left out: ") + e.what());
      return std::nullopt;
    }
    const std::string name(object->name());
    if (request.status == RequestStatus::completed) {
      forget(key);
      return expire(key, name, request);
    }
    take_up(key, name);
    ask(key, request);
    write_answers(key, name, std::string(object->uid()), request);
    return complete_or_wait(key, name, request);
  }

  void forget(const std::string& key) {
    std::map<std::string, plugin::CallHandle> waiting;
    {
      std::lock_guard lock(mutex);
      const auto found = asked.find(key);
      if (found == asked.end()) return;
      waiting.swap(found->second.waiting);
      asked.erase(found);
    }
    for (const auto& [provider, handle] : waiting) handle.cancel();
  }

  std::optional<milliseconds> expire(const std::string& key, const std::string& name, const TargetRequest& request) {
    if (limits.kept_seconds_after_use <= 0) return std::nullopt;
    const int64_t left = request.last_used_unix_ms + limits.kept_seconds_after_use * 1000 - clock.unix_ms();
    if (left > 0) return milliseconds(left);
    api.remove(secret_resource(), {name_space, name});  // a garbage collector would, in its own time
    api.remove(request_resource(), {name_space, name});
    requests.note_removed(key);
    log::info("a target request has expired", {{"target_request", name}});
    return std::nullopt;
  }

  /// Says that somebody works on it, once a leader.
  void take_up(const std::string& key, const std::string& name) {
    {
      std::lock_guard lock(mutex);
      if (asked[key].since_unix_ms != 0) return;
    }
    const int64_t now = clock.unix_ms();
    requests.note_written(
        api.patch(request_resource(), {name_space, name, "status"}, kube::PatchType::merge, taken_up_patch(base::rfc3339(now))));
    std::lock_guard lock(mutex);
    asked[key].since_unix_ms = now;
  }

  /// Every provider of ours that has not been asked yet.
  void ask(const std::string& key, const TargetRequest& request) {
    std::vector<std::shared_ptr<plugin::Instance>> ours;
    {
      std::lock_guard lock(mutex);
      Asked& state = asked[key];
      for (auto& instance : directory.offering(tp::id)) {
        const auto& name = instance->name();
        if (request.target_data.contains(name) || state.waiting.contains(name) || state.answered.contains(name) ||
            state.failed.contains(name))
          continue;
        state.waiting[name];
        ours.push_back(std::move(instance));
      }
    }
    for (const auto& instance : ours) {
      const std::string& name = instance->name();
      plugin::CallHandle handle;
      try {
        handle = TargetClient(instance).list(
            limits.provider_answer_ms_max, limits.clusters_max,
            [self = shared_from_this(), key, name](ListOutcome outcome) { self->answered(key, name, std::move(outcome)); });
      } catch (const Error& e) {
        answered(key, name, {{}, e});
        continue;
      }
      std::lock_guard lock(mutex);
      if (const auto state = asked.find(key); state != asked.end()) {
        if (const auto waiting = state->second.waiting.find(name); waiting != state->second.waiting.end()) waiting->second = handle;
      }
    }
  }

  /// On the provider's thread.
  void answered(const std::string& key, const std::string& provider, ListOutcome outcome) {
    std::shared_ptr<kube::WorkQueue> keys;
    {
      std::lock_guard lock(mutex);
      const auto state = asked.find(key);
      if (state == asked.end() || state->second.waiting.erase(provider) == 0) return;
      if (outcome.error) {
        state->second.failed[provider] = base::scrub(outcome.error->what());
      } else {
        state->second.answered[provider] = std::move(outcome);
      }
      keys = queue;
    }
    if (keys) keys->add(key);
  }

  /// Kubeconfigs first: whoever sees the clusters may use them at once.
  void write_answers(const std::string& key, const std::string& name, const std::string& uid, TargetRequest& request) {
    std::map<std::string, ListOutcome> answers;
    {
      std::lock_guard lock(mutex);
      answers = asked[key].answered;
    }
    for (auto& [provider, outcome] : answers) {
      write_secret(name, uid, provider, kubeconfigs(provider, outcome.clusters));
      requests.note_written(
          api.patch(request_resource(), {name_space, name, "status"}, kube::PatchType::merge, answer_patch(provider, outcome.clusters)));
      request.target_data[provider] = std::move(outcome.clusters);
      std::lock_guard lock(mutex);
      asked[key].answered.erase(provider);
    }
  }

  std::vector<ManagedCluster> kubeconfigs(const std::string& provider, const std::vector<tp::Cluster>& clusters) const {
    std::vector<ManagedCluster> all;
    const auto instance = directory.find(provider);
    for (const auto& cluster : clusters) {
      ManagedCluster entry{cluster.cluster_name, cluster.cluster_api_url, std::nullopt};
      try {
        if (!instance) throw Error(Code::unavailable, "the provider is not ready any more");
        auto access = TargetClient(instance).get(cluster.cluster_name, limits.kubeconfig_ms_max);
        entry.kubeconfig = std::move(access.kubeconfig);
      } catch (const Error& e) {
        entry.unusable = true;
        log::warn("a cluster has no usable kubeconfig",
                  {{"provider", provider}, {"cluster", base::printable(cluster.cluster_name)}, {"reason", e.what()}});
      }
      all.push_back(std::move(entry));
    }
    return all;
  }

  /// Foreign providers write into the same Secret, at the same time: what was read is replaced, or read again.
  void write_secret(const std::string& name, const std::string& uid, const std::string& provider,
                    const std::vector<ManagedCluster>& clusters) {
    for (unsigned attempt = 0; attempt < secret_attempts_max; ++attempt) {
      try {
        if (put_in_secret(name, provider, clusters) || create_secret(name, uid, provider, clusters)) return;
      } catch (const Error& e) {
        if (!kube::is_conflict(e)) throw;
      }
    }
    throw Error(Code::unavailable, "Secret '" + name + "' is written by others all the time");
  }

  /// False: there is none yet.
  bool put_in_secret(const std::string& name, const std::string& provider, const std::vector<ManagedCluster>& clusters) {
    json secret;
    try {
      secret = api.get(secret_resource(), {name_space, name});
    } catch (const Error& e) {
      if (!kube::is_not_found(e)) throw;
      return false;
    }
    put_managed_clusters(secret, provider, clusters);
    api.patch(secret_resource(), {name_space, name}, kube::PatchType::merge,
              {{"metadata", {{"resourceVersion", secret.at("metadata").at("resourceVersion")}, {"labels", {{request_label, name}}}}},
               {"data", secret.at("data")}});
    return true;
  }

  /// False: somebody else was faster.
  bool create_secret(const std::string& name, const std::string& uid, const std::string& provider,
                     const std::vector<ManagedCluster>& clusters) {
    json secret = {
        {"apiVersion", "v1"}, {"kind", "Secret"}, {"type", "Opaque"}, {"metadata", {{"name", name}, {"labels", {{request_label, name}}}}}};
    secret["metadata"]["ownerReferences"] =
        json::array({{{"apiVersion", api_version}, {"kind", "KrknTargetRequest"}, {"name", name}, {"uid", uid}}});
    put_managed_clusters(secret, provider, clusters);
    try {
      api.create(secret_resource(), name_space, std::move(secret));
    } catch (const Error& e) {
      if (!kube::is_already_exists(e)) throw;
      return false;
    }
    return true;
  }

  /// Foreign providers that a request waits for: active, and alive.
  std::set<std::string> foreign_active() {
    std::set<std::string> names;
    for (const auto& object : providers.list(name_space)) {
      try {
        const auto provider = read_provider_object(object->parse());
        complain("KrknOperatorTargetProvider", *object, "");
        const bool alive = clock.unix_ms() - provider.heartbeat_unix_ms < heartbeat_ms_max;
        if (provider.active && alive && !directory.find(provider.operator_name)) names.insert(provider.operator_name);
      } catch (const Error& e) {
        complain("KrknOperatorTargetProvider", *object, std::string("left out: ") + e.what());
      }
    }
    return names;
  }

  std::optional<milliseconds> complete_or_wait(const std::string& key, const std::string& name, const TargetRequest& request) {
    std::string partial;
    bool waiting = false;
    int64_t left = 0;
    std::map<std::string, std::string> failed;
    std::vector<std::string> late;
    {
      std::lock_guard lock(mutex);
      const Asked& state = asked[key];
      left = state.since_unix_ms + limits.request_ms_max.count() - clock.unix_ms();
      failed = state.failed;
      for (const auto& [provider, handle] : state.waiting) late.push_back(provider);
      waiting = !state.answered.empty();
    }
    for (const auto& provider : foreign_active()) {
      if (!request.target_data.contains(provider)) late.push_back(provider);
    }
    if (waiting || (!late.empty() && left > 0)) return milliseconds(std::max<int64_t>(left, 1));
    for (const auto& [provider, why] : failed) add_reason(partial, provider, why);
    for (const auto& provider : late)
      add_reason(partial, provider, "did not answer within " + std::to_string(limits.request_ms_max.count() / 1000) + " s");
    requests.note_written(api.patch(request_resource(), {name_space, name, "status"}, kube::PatchType::merge,
                                    completed_patch(partial, base::rfc3339(clock.unix_ms()))));
    if (!partial.empty())
      log::warn("a target request is completed without some providers", {{"target_request", name}, {"reason", partial}});
    forget(key);
    if (limits.kept_seconds_after_use <= 0) return std::nullopt;
    return milliseconds(limits.kept_seconds_after_use * 1000);
  }
};

RequestController::RequestController(plugin::Directory directory, kube::Client& client, std::string name_space, kube::Informer& requests,
                                     kube::Informer& providers, base::Clock& clock, TargetLimits limits)
    : impl_(std::make_shared<Impl>(std::move(directory), client, std::move(name_space), requests, providers, clock, limits)) {}

RequestController::~RequestController() {
  stop();
}

void RequestController::start() {
  auto queue = std::make_shared<kube::WorkQueue>(kube::WorkQueue::Limits{}, impl_->clock);
  {
    std::lock_guard lock(impl_->mutex);
    if (impl_->queue) return;
    impl_->queue = queue;
  }
  for (unsigned i = 0; i < workers; ++i) impl_->threads.emplace_back([impl = impl_, queue] { impl->work(*queue); });
  for (const auto& object : impl_->requests.list(impl_->name_space)) queue->add(std::string(object->key()));
}

void RequestController::stop() {
  std::shared_ptr<kube::WorkQueue> queue;
  std::map<std::string, Asked> asked;
  {
    std::lock_guard lock(impl_->mutex);
    queue = std::exchange(impl_->queue, nullptr);
    asked.swap(impl_->asked);
  }
  if (!queue) return;
  queue->shut_down();
  for (const auto& [key, state] : asked) {
    for (const auto& [provider, handle] : state.waiting) handle.cancel();
  }
  for (auto& thread : impl_->threads) thread.join();
  impl_->threads.clear();
}

void RequestController::look(const std::string& key) {
  std::shared_ptr<kube::WorkQueue> queue;
  std::vector<std::string> keys{key};
  {
    std::lock_guard lock(impl_->mutex);
    queue = impl_->queue;
    if (key.empty()) {
      keys.clear();
      for (const auto& [pending, state] : impl_->asked) keys.push_back(pending);
    }
  }
  if (!queue) return;
  for (auto& pending : keys) queue->add(std::move(pending));
}

}  // namespace operon::targets
