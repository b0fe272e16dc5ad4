/// repositories.hpp: the repositories that an instance knows: its own, and those that requests name, each with a memory of its own.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <string>

#include "operon/scenario_image/catalogue.hpp"
#include "registry.hpp"

namespace registry_oci {

struct RepositoriesOptions {
  std::string architecture;
  operon::scenario_image::CatalogueLimits catalogue;
  RegistryLimits registry;
};

/// Thread-safe.
class Repositories {
 public:
  static constexpr size_t named_kept_max = 16;
  static constexpr unsigned named_fetches_max = 2;
  static constexpr size_t named_images_bytes_max = 8u << 20;

  Repositories(operon::sdk::Host, RepositoriesOptions);
  ~Repositories() { stop(); }
  Repositories(const Repositories&) = delete;
  Repositories& operator=(const Repositories&) = delete;

  /// Of one address and login: nobody is shown what another login has read. One that a request `named` may be forgotten again.
  std::shared_ptr<operon::scenario_image::Catalogue> catalogue(const Address&, const Credentials&, bool named);
  /// Ends what is under way.
  void stop();

 private:
  struct Kept {
    std::string key;
    bool named = false;
    std::shared_ptr<operon::scenario_image::Catalogue> catalogue;
  };

  const operon::sdk::Host host_;
  const RepositoriesOptions options_;
  const std::shared_ptr<TokenCache> tokens_ = std::make_shared<TokenCache>();
  std::mutex mutex_;
  std::list<Kept> kept_;  ///< used last first
};

}  // namespace registry_oci
