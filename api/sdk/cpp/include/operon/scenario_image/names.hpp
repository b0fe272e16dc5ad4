/// operon/scenario_image/names.hpp: what tags, digests and architectures look like (OCI distribution and image specifications).
#pragma once

#include <algorithm>
#include <string_view>

namespace operon::scenario_image {

/// "sha256:" and 64, or "sha512:" and 128 hexadecimal digits in lower case: the registered algorithms. It may become part of a path.
inline bool is_digest(std::string_view text) {
  const size_t digits = text.starts_with("sha256:") ? 64 : text.starts_with("sha512:") ? 128 : 0;
  constexpr size_t front = 7;
  return digits != 0 && text.size() == front + digits &&
         std::all_of(text.begin() + front, text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

/// A letter, digit or `_`, then up to 127 of these, `.` and `-`.
inline bool is_tag(std::string_view text) {
  const auto word = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; };
  return !text.empty() && text.size() <= 128 && word(text.front()) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return word(c) || c == '.' || c == '-'; });
}

#if defined(__aarch64__)
inline constexpr const char* own_architecture = "arm64";
#elif defined(__x86_64__)
inline constexpr const char* own_architecture = "amd64";
#else
inline constexpr const char* own_architecture = "";  ///< the first of an index will do
#endif

}  // namespace operon::scenario_image
