#include "core/targets/cluster_targets.hpp"

#include <nlohmann/json.hpp>

#include "core/base/clock.hpp"
#include "core/base/ids.hpp"
#include "core/base/text.hpp"
#include "core/kube/api.hpp"
#include "core/kube/informer.hpp"
#include "core/log/log.hpp"
#include "core/metrics/metrics.hpp"
#include "core/targets/kubeconfig_check.hpp"
#include "core/targets/managed_clusters.hpp"
#include "core/targets/provider_heartbeat.hpp"
#include "core/targets/request_controller.hpp"
#include "core/targets/request_object.hpp"

namespace operon::targets {

using nlohmann::json;

namespace {

/// A use is written down at most this often; expiry may be early by as much.
constexpr int64_t use_written_ms = 600'000;

/// Ids are names of objects, and so part of a path: what is none has never been one.
bool could_be_id(std::string_view id) {
  if (id.empty() || id.size() > 253) return false;
  for (const char c : id) {
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.')) return false;
  }
  return id.front() != '.' && id.front() != '-' && id.back() != '.' && id.back() != '-';
}

kube::InformerOptions everything_in(const std::string& name_space) {
  kube::InformerOptions options;
  options.name_space = name_space;
  return options;
}

}  // namespace

struct ClusterTargets::Impl {
  Impl(plugin::Directory d, std::shared_ptr<kube::Client> c, base::Clock& k, TargetLimits l)
      : directory(std::move(d)),
        client(std::move(c)),
        clock(k),
        limits(l),
        name_space(client->config().name_space),
        requests(*client, request_resource(), everything_in(name_space)),
        providers(*client, provider_resource(), everything_in(name_space)),
        controller(std::make_shared<RequestController>(directory, *client, name_space, requests, providers, clock, limits)),
        heartbeat(directory, *client, name_space, clock) {
    // The informers outlive the controller.
    const std::weak_ptr<RequestController> told = controller;
    requests.on_change([this, told](const kube::Change& change) {
      if (const auto alive = told.lock()) alive->look(std::string((change.now ? change.now : change.before)->key()));
      kept.set(static_cast<double>(requests.size()));
    });
    providers.on_change([told](const kube::Change&) {
      if (const auto alive = told.lock()) alive->look("");
    });
    requests.on_skipped([](std::string_view name, const Error& e) {
      log::warn("a KrknTargetRequest is left out", {{"target_request", std::string(name)}, {"reason", e.what()}});
    });
  }

  const plugin::Directory directory;
  const std::shared_ptr<kube::Client> client;
  base::Clock& clock;
  const TargetLimits limits;
  const std::string name_space;
  metrics::Counter made = metrics::counter("operon_target_requests_total", "Target requests made.");
  metrics::Counter refused =
      metrics::counter("operon_target_requests_refused_total", "Target requests refused because target_requests_max are kept.");
  metrics::Gauge kept = metrics::gauge("operon_target_requests", "Target requests that are kept.");
  kube::Informer requests, providers;
  std::shared_ptr<RequestController> controller;
  ProviderHeartbeat heartbeat;

  bool foreign_provider_active() const {
    for (const auto& object : providers.list(name_space)) {
      try {
        const auto provider = read_provider_object(object->parse());
        if (provider.active && clock.unix_ms() - provider.heartbeat_unix_ms < RequestController::heartbeat_ms_max) return true;
      } catch (const Error&) {  // said by the controller
      }
    }
    return false;
  }

  /// The object, also when another replica has made it a moment ago and this one's informer has not seen it.
  std::optional<json> object_of(std::string_view id) {
    if (!could_be_id(id)) return std::nullopt;
    if (const auto known = requests.get(name_space + "/" + std::string(id))) return known->parse();
    try {
      auto object = kube::Api(*client).get(request_resource(), {name_space, std::string(id)});
      requests.note_written(object);
      return object;
    } catch (const Error& e) {
      if (e.code() != Code::not_found) throw;
      return std::nullopt;
    }
  }

  void note_use(const TargetRequest& request, const json& object) {
    const int64_t now = clock.unix_ms();
    if (now - request.last_used_unix_ms < use_written_ms) return;
    const kube::Name name{name_space, object.at("metadata").at("name").get<std::string>()};
    try {
      requests.note_written(kube::Api(*client, std::chrono::seconds(2))
                                .patch(request_resource(), name, kube::PatchType::merge,
                                       {{"metadata", {{"annotations", {{last_used_annotation, base::rfc3339(now)}}}}}}));
    } catch (const Error& e) {
      log::warn("the use of a target request could not be written down; it may expire early",
                {{"target_request", name.name}, {"reason", e.what()}});
    }
  }
};

ClusterTargets::ClusterTargets(plugin::Directory directory, std::shared_ptr<kube::Client> client, base::Clock& clock, TargetLimits limits)
    : impl_(std::make_unique<Impl>(std::move(directory), std::move(client), clock, limits)) {}

ClusterTargets::~ClusterTargets() {
  stop();
}

void ClusterTargets::resume() {
  impl_->requests.start();
  impl_->providers.start();
  for (auto* informer : {&impl_->requests, &impl_->providers}) {
    if (informer->wait_synced(sync_ms_max)) continue;
    throw Error(Code::unavailable, "the target requests of namespace " + impl_->name_space + " cannot be read: " + informer->trouble() +
                                       "; are the CustomResourceDefinitions installed, and may this service account list them?");
  }
}

void ClusterTargets::stop() {
  follow();
}

void ClusterTargets::lead() {
  impl_->heartbeat.start();
  impl_->controller->start();
}

void ClusterTargets::follow() {
  impl_->controller->stop();
  impl_->heartbeat.stop();
}

std::string ClusterTargets::trouble() const {
  for (const auto* informer : {&impl_->requests, &impl_->providers}) {
    if (auto text = informer->trouble(); !text.empty()) return text;
  }
  return "";
}

std::string ClusterTargets::create() {
  if (impl_->directory.offering(kinds::target_provider::id).empty() && !impl_->foreign_provider_active()) throw no_provider();
  if (impl_->requests.size() >= impl_->limits.target_requests_max) {
    impl_->refused.add();
    const std::string max = std::to_string(impl_->limits.target_requests_max);
    log::warn("target_requests_max is reached; a target request was refused", {{"target_requests_max", max}});
    throw Error(Code::resource_exhausted,
                "target_requests_max (" + max + ") target requests are kept already; unused ones expire, or raise the limit");
  }
  std::string id = base::uuid_v4();
  impl_->requests.note_written(kube::Api(*impl_->client).create(request_resource(), impl_->name_space, new_request_object(id)));
  impl_->controller->look(impl_->name_space + "/" + id);
  impl_->made.add();
  return id;
}

std::optional<TargetRequest> ClusterTargets::find(std::string_view id) {
  const auto object = impl_->object_of(id);
  if (!object) return std::nullopt;
  auto request = read_request_object(*object);
  impl_->note_use(request, *object);
  return request;
}

ClusterAccess ClusterTargets::access(const ClusterKey& key) {
  const std::string missing = "Secret with id '" + base::printable(key.target_id) + "' not found";
  if (!could_be_id(key.target_id)) throw Error(Code::not_found, missing);
  json secret;
  try {
    secret = kube::Api(*impl_->client, impl_->limits.kubeconfig_ms_max).get(secret_resource(), {impl_->name_space, key.target_id});
  } catch (const Error& e) {
    if (e.code() != Code::not_found) throw;
    if (const auto object = impl_->object_of(key.target_id)) {
      if (read_request_object(*object).status != RequestStatus::completed) throw request_not_completed(key.target_id);
    }
    throw Error(Code::not_found, missing);
  }
  auto access = find_managed_cluster(secret, key);
  if (access.kubeconfig) check_kubeconfig(*access.kubeconfig, access.cluster_name);
  if (const auto object = impl_->object_of(key.target_id)) impl_->note_use(read_request_object(*object), *object);
  return access;
}

}  // namespace operon::targets
