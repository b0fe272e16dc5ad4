/// registry-oci: the tags of a repository, in any registry that speaks the distribution API, as scenarios.
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>

#include "auth_file.hpp"
#include "digest.hpp"
#include "operon/sdk/scenario_registry.hpp"
#include "repositories.hpp"

namespace registry_oci {
namespace {

using operon::Code;
using operon::Error;
using operon::kinds::scenario_registry::AdhocRegistry;
using operon::scenario_image::Catalogue;
using operon::scenario_image::CatalogueEntry;
using operon::scenario_image::Texts;
using operon::sdk::Call;
using operon::sdk::Scenario;
using operon::sdk::ScenarioListRequest;
using operon::sdk::ScenarioRequest;
using operon::sdk::Summary;

#if defined(__aarch64__)
constexpr const char* own_architecture = "arm64";
#else
constexpr const char* own_architecture = "amd64";
#endif

/// Where a request is served from.
struct Place {
  Address address;
  std::shared_ptr<Catalogue> catalogue;
};

Summary summary_of(const Address& address, const CatalogueEntry& entry) {
  const bool by_digest = is_digest(entry.name);
  return {entry.name, address.name() + (by_digest ? "@" : ":") + entry.name, entry.image->digest, entry.image->size,
          entry.image->last_modified};
}

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
    if (const auto now = get()) now->repositories.stop();
  }

  std::vector<Summary> list(Call& call, const ScenarioListRequest& request) override {
    const auto configured = get();
    const Place place = place_of(*configured, request.registry);
    const auto listed = place.catalogue->list();
    std::vector<Summary> summaries;
    for (const auto& entry : listed.entries) summaries.push_back(summary_of(place.address, entry));
    call.event(nlohmann::json{{"partial", listed.partial}, {"ageMs", listed.age.count()}});
    return summaries;
  }

  Scenario detail(Call&, const ScenarioRequest& request) override { return answer(request, false); }
  Scenario globals(Call&, const ScenarioRequest& request) override { return answer(request, true); }

 private:
  struct Configured {
    Configured(const operon::sdk::Host& host, const nlohmann::json& c) : repositories(host, options_of(c)) {
      if (!c.contains("registry")) return;
      own.emplace();
      own->registry = c.at("registry").get<std::string>();
      own->repository = c.at("repository").get<std::string>();
      own->plain_http = c.value("insecure", false);
      own->skip_tls = c.value("skipTls", false);
      if (c.contains("caFile")) own->ca_bundle = read_small_file(c.at("caFile").get<std::string>());
      check_address(*own);
      if (c.contains("authFile")) auth_file = c.at("authFile").get<std::string>();
      if (!auth_file.empty()) credentials_of(read_small_file(auth_file), *own);  // a file that makes no sense refuses the configuration
    }
    static RepositoriesOptions options_of(const nlohmann::json& c) {
      const auto seconds = [&](const char* name, int otherwise) { return std::chrono::seconds(c.value(name, otherwise)); };
      RepositoriesOptions options;
      options.architecture = c.value("architecture", own_architecture);
      options.catalogue.digest_ms_max = seconds("digestSeconds", 600);
      options.catalogue.tags_ms_max = seconds("tagsSeconds", 60);
      options.catalogue.list_wait_ms_max = seconds("listWaitSeconds", 25);
      options.registry.tags_max = c.value("tagsMax", size_t{10'000});
      return options;
    }
    std::optional<Address> own;
    std::string auth_file;  ///< read again for each request: it may be a mounted Secret
    Repositories repositories;
  };

  std::shared_ptr<Configured> get() {
    std::lock_guard lock(mutex_);
    if (!configured_) throw Error(Code::failed_precondition, "registry-oci is not configured");
    return configured_;
  }

  static Place place_of(Configured& configured, const std::optional<AdhocRegistry>& named) {
    Place place;
    Credentials login;
    if (named) {
      place.address = {named->registry_url, named->repository, named->insecure, named->skip_tls, {}};
      login = {named->username, named->password, named->token};
    } else {
      if (!configured.own)
        throw Error(
            Code::failed_precondition,
            "this instance has no registry of its own: name one in the request (registryUrl, scenarioRepository), or set registry and "
            "repository in its configuration");
      place.address = *configured.own;
      if (!configured.auth_file.empty()) login = credentials_of(read_small_file(configured.auth_file), place.address);
    }
    place.catalogue = configured.repositories.catalogue(place.address, login);
    return place;
  }

  /// The tag or digest that a reference of this repository names.
  static std::string name_of(const Address& address, const ScenarioRequest& request) {
    if (!request.name.empty()) return request.name;
    const std::string ours = address.name();
    const std::string& reference = request.reference;
    const bool fits = reference.starts_with(ours) && reference.size() > ours.size() + 1 &&
                      (reference[ours.size()] == ':' || reference[ours.size()] == '@');
    if (!fits) throw Error(Code::not_found, "this registry knows images of " + ours + " only").with_field("reference");
    std::string name = reference.substr(ours.size() + 1);
    if (const auto digest = name.find('@'); digest != std::string::npos) name.erase(0, digest + 1);
    return name;
  }

  Scenario answer(const ScenarioRequest& request, bool of_the_base) {
    const auto configured = get();
    const Place place = place_of(*configured, request.registry);
    const std::string name = name_of(place.address, request);
    const CatalogueEntry entry = place.catalogue->find(name);
    const auto labels = operon::scenario_image::read_labels(entry.image->labels);
    const auto& texts = of_the_base ? labels.globals : labels.texts;
    if (!texts) {
      throw Error(Code::not_found,
                  of_the_base ? "scenario '" + name + "' has no globals" : "image '" + name + "' is no scenario: it has no title or fields")
          .with_field("name");
    }
    return {summary_of(place.address, entry), texts->title, texts->description, texts->fields, ""};
  }

  std::mutex mutex_;
  std::shared_ptr<Configured> configured_;
};

}  // namespace
}  // namespace registry_oci

OPERON_PLUGIN(registry_oci::RegistryOci, "registry-oci", "0.1.0")
