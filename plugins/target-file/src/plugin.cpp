/// target-file: kubeconfig contexts and this machine as targets.
#include <memory>
#include <mutex>

#include "contexts.hpp"
#include "operon/sdk/probe.hpp"
#include "operon/sdk/target_provider.hpp"

namespace target_file {
namespace {

using operon::Code;
using operon::Error;
using operon::sdk::Call;
using operon::sdk::Cluster;
using operon::sdk::ClusterAccess;
using operon::sdk::ClusterRequest;
using operon::sdk::ProbeAnswer;
using operon::sdk::TargetListRequest;

constexpr const char* localhost = "localhost";

struct Settings {
  std::shared_ptr<Contexts> contexts;
  bool localhost = true;
};

class TargetFile final : public operon::sdk::TargetProvider {
 public:
  void configure(Call&, const nlohmann::json& configuration) override {
    std::vector<std::filesystem::path> files;
    if (auto found = configuration.find("kubeconfigs"); found != configuration.end()) {
      for (const auto& file : *found) files.emplace_back(file.get<std::string>());
    } else {
      for (auto& file : operon::kubeconfig::default_files()) {
        std::error_code ignored;
        if (std::filesystem::exists(file, ignored)) files.push_back(std::move(file));  // nobody asked for this one by name
      }
    }
    Settings settings;
    settings.localhost = configuration.value("localhost", true);
    settings.contexts = std::make_shared<Contexts>(std::move(files), [host = host()](const std::string& file, const std::string& reason) {
      host.warn("kubeconfig skipped", {{"file", file}, {"reason", reason}});
    });
    auto contexts = settings.contexts->merged().contexts();
    for (const auto& context : contexts) {
      if (settings.localhost && context.name == localhost) {
        host().warn("context skipped: its name is this machine's; set localhost: false to serve it",
                    {{"context", context.name}, {"where", context.where}});
      }
    }
    host().info("kubeconfigs read", {{"contexts", std::to_string(contexts.size())}});
    std::lock_guard lock(mutex_);
    settings_ = std::move(settings);
  }

  std::vector<Cluster> list(Call&, const TargetListRequest&) override {
    const Settings now = settings();
    std::vector<Cluster> clusters;
    if (now.localhost) clusters.push_back({localhost, ""});
    for (const auto& context : now.contexts->merged().contexts()) {
      if (now.localhost && context.name == localhost) continue;
      clusters.push_back({context.name, context.server});
    }
    return clusters;
  }

  ClusterAccess get(Call&, const ClusterRequest& request) override {
    const Settings now = settings();
    if (now.localhost && request.cluster_name == localhost) return {localhost, "", std::nullopt};
    if (auto access = now.contexts->access(request.cluster_name)) {
      return {request.cluster_name, std::move(access->server), std::move(access->kubeconfig)};
    }
    throw Error(Code::not_found, "no context of that name in the configured kubeconfig files").with_field("clusterName");
  }

  ProbeAnswer probe(Call& call, const ClusterRequest& request) override {
    const ClusterAccess access = get(call, request);
    if (!access.kubeconfig) return {true, "this machine"};
    return operon::sdk::probe_cluster(host(), call, *access.kubeconfig);
  }

 private:
  Settings settings() {
    std::lock_guard lock(mutex_);
    if (!settings_.contexts) throw Error(Code::failed_precondition, "target-file is not configured");
    return settings_;
  }

  std::mutex mutex_;
  Settings settings_;
};

}  // namespace
}  // namespace target_file

OPERON_PLUGIN(target_file::TargetFile, "target-file", "0.1.0")
