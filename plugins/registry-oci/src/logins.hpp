/// logins.hpp: where an instance's own login comes from: a file, or a Secret in the namespace in which the host works.
#pragma once

#include <chrono>
#include <mutex>
#include <string>

#include "operon/sdk/call.hpp"
#include "operon/sdk/host.hpp"
#include "registry.hpp"

namespace registry_oci {

/// Thread-safe.
class Logins {
 public:
  static constexpr std::chrono::seconds secret_lasts{10};  ///< then the API server is asked again
  static constexpr std::chrono::seconds secret_wait_max{10};

  /// At most one of the two. Throws Error(invalid_argument) when both are given, or when the file makes no sense for `address`.
  Logins(operon::sdk::Host, std::string file, std::string secret, const Address& address);

  /// As it is now; empty without file and Secret. Throws Error(unavailable), with none of what is in them.
  Credentials of(const operon::sdk::Call&, const Address&);

 private:
  std::string text_of_secret(const operon::sdk::Call&);

  const operon::sdk::Host host_;
  const std::string file_, secret_;
  std::mutex mutex_;
  std::string text_;  ///< of the Secret
  std::chrono::steady_clock::time_point until_;
};

}  // namespace registry_oci
