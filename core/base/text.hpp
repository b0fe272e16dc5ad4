/// core/base/text.hpp: small text helpers that several folders need.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace operon::base {

std::string rfc3339(int64_t unix_ms);     ///< "2026-01-02T03:04:05Z", milliseconds dropped
std::string rfc3339_ms(int64_t unix_ms);  ///< "2026-01-02T03:04:05.678Z"
/// Milliseconds since 1970 of such a text, also with other fractions (dropped below a second) and an offset. Absent: it is no time.
std::optional<int64_t> from_rfc3339(const std::string& text);
bool is_utf8(std::string_view);
/// The strict decoder: no white space, padding required. Absent when the text is not base64.
std::optional<std::string> base64_decode(std::string_view);
std::string base64_encode(std::string_view);
/// The names of `known` nearest to `word`, best first, at most three, for "did you mean".
std::vector<std::string> nearest(std::string_view word, const std::vector<std::string>& known);
/// "512MiB", "30s" style numbers for messages.
std::string bytes_text(uint64_t bytes);
/// Escapes control characters so that a value can stand in a one-line message; cut at `max` bytes.
std::string printable(std::string_view, size_t max = 200);

}  // namespace operon::base
