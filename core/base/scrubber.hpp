/// core/base/scrubber.hpp: keeps secrets out of what people read.
#pragma once

#include <string>
#include <string_view>

namespace operon::base {

/// Replaces what looks like a secret by "***REDACTED***": values of keys like password, token, secret, api key, authorization (also in
/// quoted JSON and YAML), bearer and basic credentials, JWTs, AWS keys, PEM private keys, user:password in URLs, kubeconfig
/// certificate-authority/client-key data; and every value registered with `remember_secret`. Linear time.
std::string scrub(std::string_view);

/// True when a value of this name is to be hidden whole ("DB_PASSWORD", "authorization").
bool is_secret_name(std::string_view);

/// A value that is known to be secret while the token lives (a run's secret variables, registry passwords). Values under 6 bytes are not
/// remembered: replacing them would destroy text without hiding anything. Thread-safe, bounded (`remembered_secrets_max`).
class KnownSecret {
 public:
  KnownSecret() = default;
  explicit KnownSecret(std::string value);
  KnownSecret(KnownSecret&&) noexcept;
  KnownSecret& operator=(KnownSecret&&) noexcept;
  ~KnownSecret();

 private:
  std::string value_;
};

}  // namespace operon::base
