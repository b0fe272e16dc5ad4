/// registry-oci: the tags of a repository, in any registry that speaks the distribution API, as scenarios.
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>

#include "hub.hpp"
#include "logins.hpp"
#include "operon/scenario_image/answers.hpp"
#include "operon/scenario_image/names.hpp"
#include "operon/scenario_image/reports.hpp"
#include "operon/sdk/scenario_registry.hpp"
#include "repositories.hpp"

namespace registry_oci {
namespace {

using operon::Code;
using operon::Error;
using operon::kinds::scenario_registry::AdhocRegistry;
using operon::scenario_image::Catalogue;
namespace si = operon::scenario_image;
using operon::sdk::Call;
using operon::sdk::Scenario;
using operon::sdk::ScenarioListRequest;
using operon::sdk::ScenarioRequest;
using operon::sdk::Summary;

/// For a call without a deadline.
constexpr std::chrono::milliseconds otherwise{30'000};

/// Where a request is served from.
struct Place {
  Address address;
  std::shared_ptr<Catalogue> catalogue;
};

class RegistryOci final : public operon::sdk::ScenarioRegistry {
 public:
  void configure(Call&, const nlohmann::json& configuration) override {
    auto fresh = std::make_shared<Configured>(host(), configuration);
    std::shared_ptr<Configured> before;
    std::lock_guard lock(mutex_);
    before = std::exchange(configured_, std::move(fresh));
    if (before) before->repositories.stop();
  }

  void quiesce() override {
    std::shared_ptr<Configured> now;
    {
      std::lock_guard lock(mutex_);
      now = configured_;
    }
    if (now) now->repositories.stop();
  }

  std::vector<Summary> list(Call& call, const ScenarioListRequest& request) override {
    const auto configured = get();
    const Place place = place_of(call, *configured, request.registry);
    const auto listed = place.catalogue->list(si::Patience(call, otherwise));
    std::vector<Summary> summaries;
    for (const auto& entry : listed.entries) summaries.push_back(si::summary_of(place.address.name(), entry));
    call.event(operon::kinds::scenario_registry::ListState{listed.partial, listed.age.count()});
    return summaries;
  }

  Scenario detail(Call& call, const ScenarioRequest& request) override { return answer(call, request, false); }
  Scenario globals(Call& call, const ScenarioRequest& request) override { return answer(call, request, true); }

 private:
  struct Configured {
    Configured(const operon::sdk::Host& host, const nlohmann::json& c) : repositories(host, options_of(c)) {
      if (!c.contains("registry")) return;
      own.emplace();
      own->registry = c.at("registry").get<std::string>();
      own->repository = c.at("repository").get<std::string>();
      own->plain_http = c.value("insecure", false);
      own->skip_tls = c.value("skipTls", false);
      if (c.contains("caFile")) own->ca_bundle = si::read_small_file(c.at("caFile").get<std::string>());
      check_address(*own, keys_of_a_configuration);
      own = completed(std::move(*own));
      logins = std::make_unique<Logins>(host, c.value("authFile", ""), c.value("authSecret", ""), *own);
    }
    static RepositoriesOptions options_of(const nlohmann::json& c) {
      const auto seconds = [&](const char* name, int otherwise) { return std::chrono::seconds(c.value(name, otherwise)); };
      RepositoriesOptions options;
      options.architecture = c.value("architecture", si::own_architecture);
      options.catalogue.digest_ms_max = seconds("digestSeconds", 600);
      options.catalogue.tags_ms_max = seconds("tagsSeconds", 60);
      options.catalogue.list_wait_ms_max = seconds("listWaitSeconds", 20);
      options.registry.tags_max = c.value("tagsMax", size_t{10'000});
      return options;
    }
    std::optional<Address> own;
    std::unique_ptr<Logins> logins;  ///< of its own registry
    Repositories repositories;
  };

  std::shared_ptr<Configured> get() {
    std::lock_guard lock(mutex_);
    if (!configured_) throw Error(Code::failed_precondition, "registry-oci is not configured");
    return configured_;
  }

  static Place place_of(const Call& call, Configured& configured, const std::optional<AdhocRegistry>& named) {
    Place place;
    Credentials login;
    if (named) {
      place.address = {named->registry_url, named->repository, named->insecure, named->skip_tls, {}};
      check_address(place.address, keys_of_a_request);
      place.address = completed(std::move(place.address));
      login = {named->username, named->password, named->token};
    } else {
      if (!configured.own)
        throw Error(
            Code::failed_precondition,
            "this instance has no registry of its own: name one in the request (registryUrl, scenarioRepository), or set registry and "
            "repository in its configuration");
      place.address = *configured.own;
      login = configured.logins->of(call, place.address);
    }
    place.catalogue = configured.repositories.catalogue(place.address, login, named.has_value());
    return place;
  }

  Scenario answer(const Call& call, ScenarioRequest request, bool of_the_base) {
    const auto configured = get();
    request.reference = completed_reference(request.reference);
    const Place place = place_of(call, *configured, request.registry);
    const std::string repository = place.address.name();
    const auto entry = place.catalogue->find(si::name_of(repository, request), si::Patience(call, otherwise), request.digest);
    return si::scenario_of(repository, entry, of_the_base);
  }

  std::mutex mutex_;
  std::shared_ptr<Configured> configured_;
};

}  // namespace
}  // namespace registry_oci

OPERON_PLUGIN(registry_oci::RegistryOci, "registry-oci", "0.1.0")
