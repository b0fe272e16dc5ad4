// What a registry answers: manifests of every kind, configurations, challenges.
#include <cstdint>
#include <string_view>

#include "challenge.hpp"
#include "manifest.hpp"
#include "operon/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  registry_oci::read_challenges(text);
  try {
    registry_oci::signed_part(text);
  } catch (const operon::Error&) {
  }
  try {
    const auto manifest = registry_oci::read_manifest(text, "", "fuzz");
    if (manifest.is_index()) registry_oci::choose(manifest, "amd64");
  } catch (const operon::Error&) {
  }
  try {
    registry_oci::read_config(text, "fuzz");
  } catch (const operon::Error&) {
  }
  return 0;
}
