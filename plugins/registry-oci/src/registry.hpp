/// registry.hpp: one repository of a registry that speaks the distribution API (OCI distribution specification 1.1; Docker registry HTTP
/// API V2), with its logins.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "manifest.hpp"
#include "operon/scenario_image/transport.hpp"

namespace registry_oci {

using operon::scenario_image::Patience;
using operon::scenario_image::Transport;

struct Credentials {
  std::string username, password;
  std::string token;             ///< sent as it is, as Bearer
  std::string identity_token{};  ///< for realms alone, which give tokens for it (OAuth2's refresh token); then there is no password

  bool known() const { return !username.empty() || !token.empty() || !identity_token.empty(); }
};

struct Address {
  std::string registry;    ///< host or host:port
  std::string repository;  ///< "krkn-chaos/krkn-hub"
  bool plain_http = false, skip_tls = false;
  std::string ca_bundle;  ///< PEM

  std::string name() const { return registry + "/" + repository; }
  /// "https://registry.example:5000"; Docker Hub's images are named docker.io, its registry is elsewhere.
  std::string base() const;
};

struct RegistryLimits {
  size_t manifest_bytes_max = 4u << 20;
  size_t config_bytes_max = 8u << 20;
  size_t tags_bytes_max = 4u << 20;  ///< of a page of tags
  size_t tags_max = 10'000;
  unsigned tag_pages_max = 1'000;
  std::chrono::milliseconds request_ms_max{30'000};
};

/// Bearer tokens that realms gave, for as long as they last; shared by all repositories of a plugin. Thread-safe.
class TokenCache {
 public:
  static constexpr size_t tokens_max = 1'000;

  std::optional<std::string> get(const std::string& key) const;
  void put(const std::string& key, const std::string& token, std::chrono::seconds lasts);
  void drop(const std::string& key);

 private:
  struct Kept {
    std::string token;
    std::chrono::steady_clock::time_point until;
  };
  mutable std::mutex mutex_;
  std::map<std::string, Kept> kept_;
};

/// An image as a registry tells of it.
struct Image {
  std::string digest;  ///< of the manifest that the tag names
  int64_t size = 0;    ///< bytes; 0 = not told
  std::optional<std::string> created;
  operon::scenario_image::Labels labels;  ///< krknctl's alone
};

/// Thread-safe; every function blocks. Throws Error: unauthenticated and permission_denied when the registry refuses us, not_found for
/// what it has not, data_loss for what makes no sense or has another digest, unavailable for the rest; each names registry and path.
class Registry {
 public:
  /// The address has been checked.
  Registry(std::shared_ptr<Transport>, Address, Credentials, std::shared_ptr<TokenCache>, std::string architecture, RegistryLimits = {});

  /// All pages.
  std::vector<std::string> tags(const Patience&);
  /// The digest that a tag has now; a HEAD. Absent: the registry does not tell.
  std::optional<std::string> digest_of_tag(const std::string& tag, const Patience&);
  /// By tag or digest.
  Image image(const std::string& tag_or_digest, const Patience&);

  const Address& address() const { return address_; }

 private:
  struct Wanted {
    std::string method = "GET", path, accept;
    size_t bytes_max = 0;
  };
  struct Fetched {
    Manifest manifest;
    std::string digest;
  };
  operon::sdk::HttpAnswer ask(const Wanted&, const Patience&);
  operon::sdk::HttpAnswer ask_once(const Wanted&, const std::string& authorization, const Patience&);
  std::string authorization_for(const std::string& header, const std::string& refused, const Patience&);
  std::string fetch_token(const std::map<std::string, std::string>& challenge, const std::string& refused, const Patience&);
  operon::sdk::HttpRequest token_request(const std::string& realm, const std::string& scope, const std::string& service) const;
  [[noreturn]] void refuse(const Wanted&, const operon::sdk::HttpAnswer&) const;
  Fetched manifest(const std::string& tag_or_digest, const Patience&);
  std::string blob(const std::string& digest, const Patience&);
  std::string where(const std::string& path) const;
  std::string basic() const;
  bool may_be_basic() const { return !credentials_.username.empty() && credentials_.identity_token.empty(); }

  const std::shared_ptr<Transport> transport_;
  const Address address_;
  const Credentials credentials_;
  const std::shared_ptr<TokenCache> tokens_;
  const std::string architecture_;
  const RegistryLimits limits_;
  std::mutex mutex_;
  std::string authorization_;  ///< what was taken last
};

/// What the two parts of an address are called where somebody wrote them.
struct AddressKeys {
  const char *registry, *repository;
};
inline constexpr AddressKeys keys_of_a_configuration{"registry", "repository"}, keys_of_a_request{"registryUrl", "scenarioRepository"};

/// Whether it can be a host and a repository of one; says what is wrong otherwise. Throws Error(invalid_argument).
void check_address(const Address&, const AddressKeys&);

}  // namespace registry_oci
