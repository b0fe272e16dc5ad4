/// target-krkn: KrknOperatorTarget objects as targets, read through the host.
#include <ctime>
#include <map>
#include <mutex>

#include "operon/sdk/kubernetes.hpp"
#include "operon/sdk/probe.hpp"
#include "operon/sdk/target_provider.hpp"
#include "targets.hpp"

namespace target_krkn {
namespace {

using nlohmann::json;
using operon::Code;
using operon::Error;
using operon::sdk::Call;
using operon::sdk::Cluster;
using operon::sdk::ClusterAccess;
using operon::sdk::ClusterRequest;
using operon::sdk::Kubernetes;
using operon::sdk::ProbeAnswer;
using operon::sdk::TargetListRequest;

constexpr const char* group = "/apis/krkn.krkn-chaos.dev/v1alpha1/namespaces/";
constexpr unsigned page_objects = 500;
constexpr size_t targets_max = 10'000;

std::string now_text() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

class TargetKrkn final : public operon::sdk::TargetProvider {
 public:
  void configure(Call&, const json& configuration) override {
    std::lock_guard lock(mutex_);
    name_space_ = configuration.value("namespace", "");
    link_local_ = configuration.value("linkLocalServers", false);
  }

  std::vector<Cluster> list(Call& call, const TargetListRequest&) override {
    const Place place = where(call);
    const auto targets = known(call, place);
    std::vector<Cluster> clusters;
    clusters.reserve(targets.size());
    for (const auto& target : targets) clusters.push_back({target.cluster_name, target.api_url});
    tell_readiness(call, place, targets);
    return clusters;
  }

  ClusterAccess get(Call& call, const ClusterRequest& request) override {
    const Place place = where(call);
    for (const auto& target : known(call, place)) {
      if (target.cluster_name != request.cluster_name) continue;
      return {target.cluster_name, target.api_url, kubeconfig(call, place, target)};
    }
    throw Error(Code::not_found, "no KrknOperatorTarget in namespace " + place.name_space + " has that spec.clusterName")
        .with_field("clusterName");
  }

  ProbeAnswer probe(Call& call, const ClusterRequest& request) override {
    const ClusterAccess access = get(call, request);
    return operon::sdk::probe_cluster(host(), call, *access.kubeconfig);
  }

 private:
  struct Place {
    std::string name_space;
    bool link_local = false;
  };

  Place where(Call& call) {
    std::unique_lock lock(mutex_);
    Place place{name_space_, link_local_};
    lock.unlock();
    if (place.name_space.empty()) place.name_space = Kubernetes(host()).info(call).name_space;
    return place;
  }

  /// Every item of a list, page by page.
  void each(Call& call, const std::string& path, operon::sdk::KubernetesQuery query, const std::function<void(const json&)>& take) {
    query["limit"] = std::to_string(page_objects);
    for (size_t seen = 0; seen < targets_max; seen += page_objects) {
      const json page = Kubernetes(host()).get(call, path, query);
      for (const auto& item : page.value("items", json::array())) take(item);
      query["continue"] = page.value("metadata", json::object()).value("continue", "");
      if (query["continue"].empty()) return;
    }
    host().warn("only the first objects were looked at", {{"path", path}, {"targets_max", std::to_string(targets_max)}});
  }

  std::vector<Target> known(Call& call, const Place& place) {
    std::vector<Target> targets;
    each(call, group + place.name_space + "/krknoperatortargets", {}, [&](const json& object) {
      try {
        targets.push_back(read_target(object));
      } catch (const Error& e) {
        host().warn("KrknOperatorTarget skipped", {{"name", name_of(object)}, {"reason", e.what()}});
      }
    });
    return one_of_a_name(std::move(targets), [&](const Target& target) {
      host().warn("KrknOperatorTarget skipped: an older one has its clusterName",
                  {{"name", target.name}, {"cluster", target.cluster_name}});
    });
  }

  static std::string name_of(const json& object) {
    const auto metadata = object.find("metadata");
    return metadata != object.end() && metadata->is_object() ? metadata->value("name", "?") : "?";
  }

  json secret_of(Call& call, const Place& place, const Target& target) {
    const auto answer =
        Kubernetes(host()).request(call, {.path = "/api/v1/namespaces/" + place.name_space + "/secrets/" + target.secret_name});
    if (answer.status == 404) {
      throw Error(Code::failed_precondition,
                  "Secret " + target.secret_name + " (spec.secretUUID) is not there: make it in namespace " + place.name_space);
    }
    return answer.json();
  }

  std::string kubeconfig(Call& call, const Place& place, const Target& target) {
    try {
      return kubeconfig_of(target, secret_of(call, place, target), place.link_local);
    } catch (const Error& e) {
      if (e.code() != Code::failed_precondition) throw;
      throw Error(Code::failed_precondition, "KrknOperatorTarget " + target.name + ": " + e.what());
    }
  }

  /// `kubectl get krknoperatortargets` shows what can be used. Secrets come in one list; only what changed is looked at again and told.
  void tell_readiness(Call& call, const Place& place, const std::vector<Target>& targets) {
    try {
      std::map<std::string, json> secrets;
      each(call, "/api/v1/namespaces/" + place.name_space + "/secrets", {{"labelSelector", "krkn-target-uuid"}},
           [&](const json& secret) { secrets.emplace(name_of(secret), secret); });
      for (const auto& target : targets) {
        std::string fault;
        try {
          const auto labelled = secrets.find(target.secret_name);
          kubeconfig_of(target, labelled != secrets.end() ? labelled->second : secret_of(call, place, target), place.link_local);
        } catch (const Error& e) {
          if (e.code() != Code::failed_precondition) throw;
          fault = e.what();
        }
        const json patch = status_patch(target, fault, now_text());
        if (patch.is_null()) continue;
        Kubernetes(host())
            .request(call, {.path = group + place.name_space + "/krknoperatortargets/" + target.name + "/status",
                            .method = "PATCH",
                            .body = patch,
                            .content_type = "application/merge-patch+json"})
            .json();
      }
    } catch (const Error& e) {  // the list itself is whole
      host().warn("the readiness of KrknOperatorTarget objects could not be told", {{"reason", e.what()}});
    }
  }

  std::mutex mutex_;
  std::string name_space_;
  bool link_local_ = false;
};

}  // namespace
}  // namespace target_krkn

OPERON_PLUGIN(target_krkn::TargetKrkn, "target-krkn", "0.1.0")
