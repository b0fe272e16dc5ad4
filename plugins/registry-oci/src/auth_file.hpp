/// auth_file.hpp: logins as docker, podman and Secrets of type kubernetes.io/dockerconfigjson keep them.
#pragma once

#include <string>
#include <string_view>

#include "registry.hpp"

namespace registry_oci {

/// The login for a registry; the longest entry that matches registry and repository wins ("host", "host/path", "https://host/v1/"; all
/// names of Docker Hub are one). Empty when there is none. Throws Error(invalid_argument) without any of the text; also when the login is
/// left to a credential helper, which nobody runs here.
Credentials credentials_of(std::string_view auth_file, const Address&);

}  // namespace registry_oci
