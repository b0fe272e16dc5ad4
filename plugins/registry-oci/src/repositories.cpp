#include "repositories.hpp"

#include <algorithm>

#include "digest.hpp"
#include "operon/scenario_image/reports.hpp"

namespace registry_oci {

namespace si = operon::scenario_image;

namespace {

/// A registry's repository as the catalogue wants it.
class RegistrySource final : public si::Source {
 public:
  RegistrySource(std::shared_ptr<Transport> transport, std::unique_ptr<Registry> registry)
      : transport_(std::move(transport)), registry_(std::move(registry)) {}

  std::vector<si::Tag> tags(const Patience& patience) override {
    std::vector<si::Tag> tags;
    for (auto& name : registry_->tags(patience)) tags.push_back({std::move(name), {}, {}, {}});
    return tags;
  }
  std::optional<std::string> digest_of_tag(const std::string& tag, const Patience& patience) override {
    return registry_->digest_of_tag(tag, patience);
  }
  si::Image image(const std::string& tag_or_digest, const Patience& patience) override {
    Image image = registry_->image(tag_or_digest, patience);
    return {std::move(image.digest), image.size > 0 ? std::optional(image.size) : std::nullopt, std::move(image.created),
            std::move(image.labels)};
  }
  void stop() override { transport_->stop(); }

 private:
  const std::shared_ptr<Transport> transport_;
  const std::unique_ptr<Registry> registry_;
};

std::string key_of(const Address& address, const Credentials& login) {
  std::string key;
  for (const auto& part : {address.registry, address.repository, std::string(address.plain_http ? "http" : "https"),
                           std::string(address.skip_tls ? "unchecked" : "checked"), address.ca_bundle, login.username, login.password,
                           login.token, login.identity_token})
    key += std::to_string(part.size()) + ":" + part;
  return digest_of(key);
}

}  // namespace

Repositories::Repositories(operon::sdk::Host host, RepositoriesOptions options) : host_(std::move(host)), options_(std::move(options)) {}

std::shared_ptr<si::Catalogue> Repositories::catalogue(const Address& address, const Credentials& login, bool named) {
  const std::string key = key_of(address, login);
  std::shared_ptr<si::Catalogue> catalogue, forgotten;
  {
    std::lock_guard lock(mutex_);
    for (auto it = kept_.begin(); it != kept_.end(); ++it) {
      if (it->key != key) continue;
      it->named = it->named && named;
      kept_.splice(kept_.begin(), kept_, it);
      return kept_.front().catalogue;
    }
    auto transport = std::make_shared<Transport>(host_);
    auto registry = std::make_unique<Registry>(transport, address, login, tokens_, options_.architecture, options_.registry);
    auto source = std::make_shared<RegistrySource>(std::move(transport), std::move(registry));
    auto limits = options_.catalogue;
    if (named) {  // somebody's registry: it gets less of this host
      limits.fetches_max = named_fetches_max;
      limits.images_bytes_max = named_images_bytes_max;
    }
    catalogue = std::make_shared<si::Catalogue>(std::move(source), limits, si::reports_of(host_, address.name()));
    if (!named) {  // the instance has one: with another login, that of before has had its time
      for (auto& kept : kept_) kept.named = true;
    }
    kept_.push_front({key, named, catalogue});
    const auto many = std::count_if(kept_.begin(), kept_.end(), [](const Kept& kept) { return kept.named; });
    if (static_cast<size_t>(many) > named_kept_max) {
      // What a request uses at present stays for the next time.
      const auto oldest =
          std::find_if(kept_.rbegin(), kept_.rend(), [](const Kept& kept) { return kept.named && kept.catalogue.use_count() == 1; });
      if (oldest != kept_.rend()) {
        forgotten = std::move(oldest->catalogue);
        kept_.erase(std::next(oldest).base());
      }
    }
  }
  return catalogue;  // what is forgotten ends without the lock
}

void Repositories::stop() {
  std::list<Kept> all;
  {
    std::lock_guard lock(mutex_);
    all.swap(kept_);
  }
  for (const auto& kept : all) kept.catalogue->stop();
}

}  // namespace registry_oci
