/// core/plugin/manifest.hpp: what a plugin says of itself before a byte of it runs: `<library>.manifest.json` beside the library.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace operon::plugin {

/// One rule of what a plugin may do in the cluster through operon.host.kube/1, in the words of a Role: "*" stands for all.
struct Permission {
  std::vector<std::string> api_groups;  ///< "" is the core group
  std::vector<std::string> resources;   ///< with their subresource: "pods", "pods/log"
  std::vector<std::string> verbs;
  std::vector<std::string> namespaces;  ///< empty = all
};

struct Manifest {
  std::string id;       ///< "registry-dir"; also the name of its library, libregistry-dir.so... see `library`
  std::string version;  ///< semantic
  std::string title, description, license;
  std::vector<std::string> interfaces;  ///< "operon.scenario-registry/1" ...
  std::vector<std::string> services;    ///< host services it may ask: "operon.host.kv/1" ...
  std::vector<Permission> permissions;
  std::string configuration_schema;  ///< JSON Schema (draft-07), text
  std::string attributes;            ///< JSON object, text: {"adhoc": true}, {"accepts": ["dir"]} ...
  std::string library_sha256;        ///< lower-case hex
  unsigned abi_major = 1, abi_min_minor = 0;
  std::filesystem::path library;  ///< absolute path of the library it stands beside
};

/// Reads and checks one manifest's text. Throws Error(invalid_argument) naming member and file.
Manifest parse_manifest(std::string_view json, const std::filesystem::path& file);

}  // namespace operon::plugin
