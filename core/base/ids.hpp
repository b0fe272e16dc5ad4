/// core/base/ids.hpp: identifiers.
#pragma once

#include <string>
#include <string_view>

namespace operon::base {

std::string uuid_v4();  ///< from the kernel's randomness; lower case
/// RFC 4122 name-based (SHA-1): the same namespace text and name give the same id, on every host.
std::string uuid_v5(std::string_view name_space, std::string_view name);
bool is_uuid(std::string_view);
std::string sha256_hex(std::string_view bytes);
std::string random_hex(size_t bytes);  ///< 2 * bytes characters

}  // namespace operon::base
