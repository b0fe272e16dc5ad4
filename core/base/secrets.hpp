/// core/base/secrets.hpp: the values that are known to be secret, found in a text in linear time. Behind core/base/scrubber.hpp.
#pragma once

#include <string>
#include <string_view>

namespace operon::base::detail {

/// Counted: the same value may be remembered by several. Thread-safe. False: not remembered (too short, or `remembered_secrets_max`
/// reached).
bool remember_secret(const std::string& value);
void forget_secret(const std::string& value) noexcept;
/// Replaces every remembered value.
std::string replace_known_secrets(std::string_view text, std::string_view replacement);

}  // namespace operon::base::detail
