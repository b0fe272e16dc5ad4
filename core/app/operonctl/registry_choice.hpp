/// core/app/operonctl/registry_choice.hpp: which registry a command means: an instance of the host's, or one that the command line names.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "core/app/operonctl/settings.hpp"

namespace operon::ctl {

struct RegistryChoice {
  std::string instance;         ///< of the host's; empty = its default
  std::string url, repository;  ///< a private registry; both or none
  std::string username, password_file, token_file;
  bool insecure = false, skip_tls = false;

  bool is_private() const { return !url.empty() || !repository.empty(); }
};

/// Throws Error(invalid_argument) naming the flag that is missing or too much.
void check(const RegistryChoice&);

/// The members that a request carries for it. Of a private registry with a user name but no file with its password or token, the password
/// is asked for; where nobody can be asked that is Error(failed_precondition).
nlohmann::json registry_body(const Settings&, const RegistryChoice&);

/// "registry.example.org/team/scenarios": what the references of a private registry's images begin with.
std::string image_repository(const RegistryChoice&);

}  // namespace operon::ctl
