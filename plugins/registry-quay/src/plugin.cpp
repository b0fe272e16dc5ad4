/// registry-quay: the tags of a repository on quay.io as scenarios.
#include <fstream>
#include <iterator>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>

#include "operon/scenario_image/answers.hpp"
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

#if defined(__aarch64__)
constexpr const char* own_architecture = "arm64";
#else
constexpr const char* own_architecture = "amd64";
#endif

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error(Code::invalid_argument, "cannot read " + path + "; does it exist, and may this user read it?");
  return {std::istreambuf_iterator<char>(file), {}};
}

/// What one configuration makes.
struct Shop {
  Shop(const operon::sdk::Host& host, const nlohmann::json& c) : transport(std::make_shared<si::Transport>(host)) {
    QuayAddress address;
    address.url = c.value("url", address.url);
    address.organisation = c.value("organisation", address.organisation);
    address.repository = c.value("repository", address.repository);
    if (c.contains("caFile")) address.ca_bundle = read_file(c.at("caFile").get<std::string>());
    repository = address.name();
    si::CatalogueLimits limits;
    limits.tags_ms_max = std::chrono::seconds(c.value("tagsSeconds", 60));
    limits.list_wait_ms_max = std::chrono::seconds(c.value("listWaitSeconds", 25));
    QuayLimits quay_limits;
    quay_limits.tags_max = c.value("tagsMax", quay_limits.tags_max);
    si::Catalogue::Reports reports;
    reports.skipped = [host, name = repository](const std::string& tag, const std::string& reason) {
      host.warn(tag.empty() ? "a registry could not be asked anew" : "scenario skipped",
                {{"repository", name}, {"tag", tag}, {"reason", reason}});
    };
    reports.progress = [host, name = repository](size_t read, size_t all) {
      host.info("reading scenarios", {{"repository", name}, {"read", std::to_string(read)}, {"tags", std::to_string(all)}});
    };
    catalogue =
        std::make_unique<si::Catalogue>(std::make_shared<Quay>(transport, address, c.value("architecture", own_architecture), quay_limits),
                                        pool, limits, std::move(reports));
  }
  ~Shop() { stop(); }

  void stop() {
    transport->stop();
    catalogue->stop();
    pool.stop();
  }

  const std::shared_ptr<si::Transport> transport;
  si::FetchPool pool;
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
    if (const auto now = get()) now->stop();
  }

  std::vector<Summary> list(Call& call, const ScenarioListRequest& request) override {
    const auto shop = get();
    refuse_named(request.registry.has_value());
    const auto listed = shop->catalogue->list();
    std::vector<Summary> summaries;
    for (const auto& entry : listed.entries) summaries.push_back(si::summary_of(shop->repository, entry));
    call.event(operon::kinds::scenario_registry::ListState{listed.partial, listed.age.count()});
    return summaries;
  }
  Scenario detail(Call&, const ScenarioRequest& request) override { return answer(request, false); }
  Scenario globals(Call&, const ScenarioRequest& request) override { return answer(request, true); }

 private:
  static void refuse_named(bool named) {
    if (named)
      throw Error(Code::failed_precondition,
                  "registry-quay serves its own repository only; a registry named in the request needs registry-oci")
          .with_field("registry");
  }
  Scenario answer(const ScenarioRequest& request, bool globals) {
    const auto shop = get();
    refuse_named(request.registry.has_value());
    return si::scenario_of(shop->repository, shop->catalogue->find(si::name_of(shop->repository, request)), globals);
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
