/// hub.hpp: images of Docker Hub by their short names, completed as the docker CLI does.
#pragma once

#include <string>

#include "registry.hpp"

namespace registry_oci {

/// docker.io (index.docker.io is the same) with "nginx" becomes docker.io with "library/nginx"; others stay as they are.
Address completed(Address);
/// "nginx:1", "docker.io/nginx:1" -> "docker.io/library/nginx:1"; "team/x:1" -> "docker.io/team/x:1". What names a host stays as it is.
std::string completed_reference(const std::string& reference);

}  // namespace registry_oci
