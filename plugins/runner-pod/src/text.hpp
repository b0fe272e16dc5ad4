/// text.hpp: names and values as Kubernetes wants them. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace operon::runner_pod {

bool is_utf8(std::string_view bytes);

/// Some digits that tell two texts apart.
std::string short_hash(std::string_view text);

/// `text` itself where it is a legal label value; otherwise what is legal of it, and a hash.
std::string label_value(std::string_view text);
/// The same for keys of ConfigMaps and Secrets.
std::string data_key(std::string_view text);
/// Lower case, everything but a-z0-9- becomes "-", at most `bytes_max`; never empty.
std::string dns_label(std::string_view text, size_t bytes_max);

/// A value of a container's environment in which Kubernetes expands nothing.
std::string literal_value(std::string_view value);

/// "2026-11-21T13:00:00Z", with or without a fraction; none when it is something else.
std::optional<int64_t> unix_ns(std::string_view rfc3339);
std::optional<int64_t> unix_ms(std::string_view rfc3339);
/// In whole seconds.
std::string rfc3339(int64_t unix_ns);

}  // namespace operon::runner_pod
