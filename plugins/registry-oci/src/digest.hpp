/// digest.hpp: content digests ("sha256:..."; OCI image specification, descriptor.md).
#pragma once

#include <string>
#include <string_view>

#include "operon/scenario_image/names.hpp"

namespace registry_oci {

std::string digest_of(std::string_view bytes);
using operon::scenario_image::is_digest;

}  // namespace registry_oci
