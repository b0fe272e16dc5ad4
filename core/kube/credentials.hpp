/// core/kube/credentials.hpp: what a request shows the server, kept fresh while tokens, certificates and authorities rotate.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/base/clock.hpp"
#include "core/kube/config.hpp"

namespace operon::kube {

/// One state of everything that authenticates. Immutable; a transfer keeps the one it began with.
struct Identity {
  std::string authorization;  ///< the header's value; empty = none
  std::string ca_pem;         ///< empty = the system's
  std::string certificate_pem, key_pem;
  unsigned generation = 0;  ///< another one when certificate or authorities changed: connections of the old one are not used again
};

/// Thread-safe. Files are looked at again every `look_again_ms` and after a 401; an exec plugin's answer is kept until shortly before it
/// expires.
class Credentials {
 public:
  static constexpr int64_t look_again_ms = 10'000;
  static constexpr int64_t expiry_margin_ms = 60'000;  ///< an exec plugin is asked again this long before its answer expires

  /// Reads what can be read at once. Throws Error for files that cannot be read. The clock must outlive it.
  explicit Credentials(ClusterConfig, base::Clock& = base::system_clock());
  ~Credentials();

  /// What to show now; nullptr when refresh() must run first (an exec plugin that was not asked yet, or whose answer has expired).
  std::shared_ptr<const Identity> current();
  /// Reads or runs whatever is needed; may take as long as the plugin does (`exec_ms_max`), so never on a loop's thread. Throws Error.
  std::shared_ptr<const Identity> refresh();
  /// The server answered 401 to this one: the next current() looks at the sources anew.
  void refused(const std::shared_ptr<const Identity>&);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace operon::kube
