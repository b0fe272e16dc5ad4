/// digest.hpp: content digests ("sha256:...", "sha512:..."; OCI image specification, descriptor.md).
#pragma once

#include <string>
#include <string_view>

#include "operon/scenario_image/names.hpp"

namespace registry_oci {

/// By SHA-256.
std::string digest_of(std::string_view bytes);
/// By the algorithm of a digest that somebody names, SHA-256 unless it is one by SHA-512: to be compared with it.
std::string digest_like(std::string_view named, std::string_view bytes);
using operon::scenario_image::is_digest;

}  // namespace registry_oci
