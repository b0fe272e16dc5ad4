#include "repositories.hpp"

#include "digest.hpp"

namespace registry_oci {

namespace si = operon::scenario_image;

namespace {

/// A registry's repository as the catalogue wants it.
class RegistrySource final : public si::Source {
 public:
  explicit RegistrySource(std::unique_ptr<Registry> registry) : registry_(std::move(registry)) {}

  std::vector<si::Tag> tags() override {
    std::vector<si::Tag> tags;
    for (auto& name : registry_->tags()) tags.push_back({std::move(name), {}, {}, {}});
    return tags;
  }
  std::optional<std::string> digest_of_tag(const std::string& tag) override { return registry_->digest_of_tag(tag); }
  si::Image image(const std::string& tag_or_digest) override {
    Image image = registry_->image(tag_or_digest);
    return {std::move(image.digest), image.size > 0 ? std::optional(image.size) : std::nullopt, std::move(image.created),
            std::move(image.labels)};
  }

 private:
  const std::unique_ptr<Registry> registry_;
};

std::string key_of(const Address& address, const Credentials& login) {
  std::string key;
  for (const auto& part :
       {address.registry, address.repository, std::string(address.plain_http ? "http" : "https"),
        std::string(address.skip_tls ? "unchecked" : "checked"), address.ca_bundle, login.username, login.password, login.token})
    key += std::to_string(part.size()) + ":" + part;
  return digest_of(key);
}

}  // namespace

Repositories::Repositories(operon::sdk::Host host, RepositoriesOptions options)
    : host_(std::move(host)), options_(std::move(options)), transport_(std::make_shared<Transport>(host_)) {}

std::shared_ptr<si::Catalogue> Repositories::catalogue(const Address& address, const Credentials& login) {
  const std::string key = key_of(address, login);
  std::lock_guard lock(mutex_);
  for (auto it = kept_.begin(); it != kept_.end(); ++it) {
    if (it->key != key) continue;
    kept_.splice(kept_.begin(), kept_, it);
    return kept_.front().catalogue;
  }
  const std::string name = address.name();
  auto registry = std::make_unique<Registry>(transport_, address, login, tokens_, options_.architecture, options_.registry);
  si::Catalogue::Reports reports;
  reports.skipped = [host = host_, name](const std::string& tag, const std::string& reason) {
    host.warn(tag.empty() ? "a registry could not be asked anew" : "scenario skipped",
              {{"repository", name}, {"tag", tag}, {"reason", reason}});
  };
  reports.progress = [host = host_, name](size_t read, size_t all) {
    host.info("reading scenarios", {{"repository", name}, {"read", std::to_string(read)}, {"tags", std::to_string(all)}});
  };
  kept_.push_front({key, std::make_shared<si::Catalogue>(std::make_shared<RegistrySource>(std::move(registry)), pool_, options_.catalogue,
                                                         std::move(reports))});
  if (kept_.size() > repositories_kept_max) kept_.pop_back();
  return kept_.front().catalogue;
}

void Repositories::stop() {
  transport_->stop();
  {
    std::lock_guard lock(mutex_);
    for (const auto& kept : kept_) kept.catalogue->stop();
  }
  pool_.stop();
}

}  // namespace registry_oci
