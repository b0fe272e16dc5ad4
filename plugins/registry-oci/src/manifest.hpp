/// manifest.hpp: the five kinds of manifest that registries hold (OCI image specification; Docker image manifest version 2, schemas 1 and
/// 2).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "operon/scenario_image/labels.hpp"

namespace registry_oci {

inline constexpr unsigned json_depth_max = 32;
inline constexpr size_t manifests_of_an_index_max = 256;
inline constexpr size_t layers_max = 1024;

/// What `Accept` names, the newest first.
inline constexpr const char* accepted_media_types =
    "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json, "
    "application/vnd.docker.distribution.manifest.v1+prettyjws, application/vnd.docker.distribution.manifest.v1+json";

/// One image of an index.
struct PlatformManifest {
  std::string digest, architecture, os;
};

/// What a configuration blob or a schema 1 history says.
struct ImageConfig {
  operon::scenario_image::Labels labels;
  std::optional<std::string> created;  ///< RFC 3339
};

struct Manifest {
  std::vector<PlatformManifest> platforms;  ///< of an index (manifest list); then all else is empty
  std::string config_digest;
  int64_t size = 0;                   ///< bytes: configuration and layers; 0 with schema 1, which does not tell
  std::optional<ImageConfig> config;  ///< of schema 1, which has no blob of its own

  bool is_index() const { return !platforms.empty(); }
};

/// JSON of a registry, bounded in depth. Throws Error(data_loss) naming `what`.
nlohmann::json parse_json(std::string_view text, const std::string& what);

/// `media_type` is the answer's; the document's own word comes first. Throws Error(data_loss) naming `what`.
Manifest read_manifest(std::string_view body, std::string_view media_type, const std::string& what);
ImageConfig read_config(std::string_view body, const std::string& what);

/// The image for Linux on `architecture` ("amd64"), else the first for a Linux of any kind, else the first.
const PlatformManifest& choose(const Manifest& index, std::string_view architecture);

/// The bytes that a manifest's digest is made of: all of them, but for a signed schema 1, whose signatures do not count.
std::string signed_part(std::string_view body);

}  // namespace registry_oci
