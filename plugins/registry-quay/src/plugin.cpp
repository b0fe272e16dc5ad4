/// registry-quay: the tags of a repository on quay.io as scenarios.
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>

#include "operon/scenario_image/answers.hpp"
#include "operon/scenario_image/names.hpp"
#include "operon/scenario_image/reports.hpp"
#include "operon/sdk/scenario_registry.hpp"
#include "quay.hpp"

namespace registry_quay {
namespace {

using operon::Code;
using operon::Error;
using operon::sdk::Call;
using operon::sdk::Scenario;
using operon::sdk::ScenarioListRequest;
using operon::sdk::ScenarioRequest;
using operon::sdk::Summary;
namespace si = operon::scenario_image;

/// For a call without a deadline.
constexpr std::chrono::milliseconds otherwise{30'000};

/// What one configuration makes.
struct Shop {
  Shop(const operon::sdk::Host& host, const nlohmann::json& c) {
    QuayAddress address;
    address.url = c.value("url", address.url);
    address.organisation = c.value("organisation", address.organisation);
    address.repository = c.value("repository", address.repository);
    if (c.contains("caFile")) address.ca_bundle = si::read_small_file(c.at("caFile").get<std::string>());
    repository = address.name();
    si::CatalogueLimits limits;
    limits.tags_ms_max = std::chrono::seconds(c.value("tagsSeconds", 60));
    limits.list_wait_ms_max = std::chrono::seconds(c.value("listWaitSeconds", 20));
    QuayLimits quay_limits;
    quay_limits.tags_max = c.value("tagsMax", quay_limits.tags_max);
    auto source =
        std::make_shared<Quay>(std::make_shared<si::Transport>(host), address, c.value("architecture", si::own_architecture), quay_limits);
    catalogue = std::make_unique<si::Catalogue>(std::move(source), limits, si::reports_of(host, repository));
  }
  std::string repository;
  std::unique_ptr<si::Catalogue> catalogue;
};

class RegistryQuay final : public operon::sdk::ScenarioRegistry {
 public:
  void configure(Call&, const nlohmann::json& configuration) override {
    auto fresh = std::make_shared<Shop>(host(), configuration);
    std::lock_guard lock(mutex_);
    shop_ = std::move(fresh);
  }
  void quiesce() override {
    std::shared_ptr<Shop> now;
    {
      std::lock_guard lock(mutex_);
      now = shop_;
    }
    if (now) now->catalogue->stop();
  }

  std::vector<Summary> list(Call& call, const ScenarioListRequest& request) override {
    const auto shop = get();
    refuse_named(request.registry.has_value());
    const auto listed = shop->catalogue->list(si::Patience(call, otherwise));
    std::vector<Summary> summaries;
    for (const auto& entry : listed.entries) summaries.push_back(si::summary_of(shop->repository, entry));
    call.event(operon::kinds::scenario_registry::ListState{listed.partial, listed.age.count()});
    return summaries;
  }
  Scenario detail(Call& call, const ScenarioRequest& request) override { return answer(call, request, false); }
  Scenario globals(Call& call, const ScenarioRequest& request) override { return answer(call, request, true); }

 private:
  static void refuse_named(bool named) {
    if (named)
      throw Error(Code::failed_precondition,
                  "registry-quay serves its own repository only; a registry named in the request needs registry-oci")
          .with_field("registry");
  }
  Scenario answer(const Call& call, const ScenarioRequest& request, bool globals) {
    const auto shop = get();
    refuse_named(request.registry.has_value());
    const auto entry = shop->catalogue->find(si::name_of(shop->repository, request), si::Patience(call, otherwise), request.digest);
    return si::scenario_of(shop->repository, entry, globals);
  }
  std::shared_ptr<Shop> get() {
    std::lock_guard lock(mutex_);
    if (!shop_) throw Error(Code::failed_precondition, "registry-quay is not configured");
    return shop_;
  }

  std::mutex mutex_;
  std::shared_ptr<Shop> shop_;
};

}  // namespace
}  // namespace registry_quay

OPERON_PLUGIN(registry_quay::RegistryQuay, "registry-quay", "0.1.0")
