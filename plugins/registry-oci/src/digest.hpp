/// digest.hpp: content digests ("sha256:..."; OCI image specification, descriptor.md).
#pragma once

#include <string>
#include <string_view>

namespace registry_oci {

std::string digest_of(std::string_view bytes);
/// "sha256:" and 64 hexadecimal digits in lower case: the one algorithm that registries use.
bool is_digest(std::string_view text);

}  // namespace registry_oci
