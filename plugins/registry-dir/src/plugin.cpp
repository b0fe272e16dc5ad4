/// registry-dir: the files of a folder as scenarios.
#include <memory>
#include <mutex>

#include "operon/sdk/scenario_registry.hpp"
#include "scenario_folder.hpp"

namespace registry_dir {
namespace {

using operon::Code;
using operon::Error;
using operon::sdk::Call;
using operon::sdk::Scenario;
using operon::sdk::ScenarioListRequest;
using operon::sdk::ScenarioRequest;
using operon::sdk::Summary;

constexpr std::string_view scheme = "dir://";

Summary summary_of(const Entry& entry) {
  return {entry.name, std::string(scheme) + entry.name, entry.digest, entry.size, entry.last_modified};
}

class RegistryDir final : public operon::sdk::ScenarioRegistry {
 public:
  void configure(Call&, const nlohmann::json& configuration) override {
    auto folder = std::make_shared<ScenarioFolder>(configuration.at("path").get<std::string>(),
                                                   [host = host()](const std::string& file, const std::string& reason) {
                                                     host.warn("scenario skipped", {{"file", file}, {"reason", reason}});
                                                   });
    auto entries = folder->list();  // a folder that cannot be read refuses the configuration
    host().info("scenarios read", {{"path", folder->path()}, {"count", std::to_string(entries.size())}});
    std::lock_guard lock(mutex_);
    folder_ = std::move(folder);
  }

  std::vector<Summary> list(Call&, const ScenarioListRequest& request) override {
    refuse_adhoc(request.registry.has_value());
    std::vector<Summary> summaries;
    for (const auto& entry : folder()->list()) {
      summaries.push_back(summary_of(*entry));
      summaries.back().title = entry->scenario.texts.title;
      summaries.back().description = entry->scenario.texts.description;
    }
    return summaries;
  }

  Scenario detail(Call&, const ScenarioRequest& request) override {
    auto entry = find(request);
    return answer(*entry, entry->scenario.texts);
  }

  Scenario globals(Call&, const ScenarioRequest& request) override {
    auto entry = find(request);
    if (!entry->scenario.globals) throw Error(Code::not_found, "scenario '" + entry->name + "' has no globals").with_field("name");
    return answer(*entry, *entry->scenario.globals);
  }

 private:
  static Scenario answer(const Entry& entry, const Texts& texts) {
    return {summary_of(entry), texts.title, texts.description, texts.fields, entry.scenario.run};
  }

  static void refuse_adhoc(bool given) {
    if (given)
      throw Error(Code::failed_precondition,
                  "registry-dir serves its folder only; a registry named in the request needs an instance that takes one")
          .with_field("registry");
  }

  std::shared_ptr<const Entry> find(const ScenarioRequest& request) {
    refuse_adhoc(request.registry.has_value());
    std::string name = request.name;
    if (name.empty()) {
      if (!std::string_view(request.reference).starts_with(scheme)) {
        throw Error(Code::not_found, "registry-dir knows references of the form dir://NAME only").with_field("reference");
      }
      name = request.reference.substr(scheme.size());
    }
    return folder()->find(name);
  }

  std::shared_ptr<ScenarioFolder> folder() {
    std::lock_guard lock(mutex_);
    if (!folder_) throw Error(Code::failed_precondition, "registry-dir is not configured");
    return folder_;
  }

  std::mutex mutex_;
  std::shared_ptr<ScenarioFolder> folder_;
};

}  // namespace
}  // namespace registry_dir

OPERON_PLUGIN(registry_dir::RegistryDir, "registry-dir", "0.1.0")
