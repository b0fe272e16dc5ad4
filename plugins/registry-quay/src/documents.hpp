/// documents.hpp: what Quay's own API answers (api/v1).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "operon/scenario_image/catalogue.hpp"

namespace registry_quay {

inline constexpr unsigned json_depth_max = 32;
inline constexpr size_t layers_max = 1024;

/// "Mon, 02 Jan 2006 15:04:05 -0700" as RFC 3339; "-0000" is "Z", other offsets stay. Absent: it is no such date.
std::optional<std::string> rfc3339_of(std::string_view date);

struct TagPage {
  std::vector<operon::scenario_image::Tag> tags;
  bool more = false;
};
/// Throws Error(data_loss) naming `what`. A tag that makes no sense is left out; an unreadable date is left out alone.
TagPage read_tags(std::string_view body, const std::string& what);

/// A manifest: an image's labels, or what to ask for next.
struct ManifestPage {
  std::string digest;  ///< of the image for an architecture, when this is a manifest list; else empty
  operon::scenario_image::Labels labels;
};
ManifestPage read_manifest(std::string_view body, std::string_view architecture, const std::string& what);

}  // namespace registry_quay
