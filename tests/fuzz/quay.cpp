// What Quay answers: pages of tags, manifests, dates.
#include <cstdint>
#include <string_view>

#include "documents.hpp"
#include "operon/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  registry_quay::rfc3339_of(text);
  try {
    registry_quay::read_tags(text, "fuzz");
  } catch (const operon::Error&) {
  }
  try {
    registry_quay::read_manifest(text, "amd64", "fuzz");
  } catch (const operon::Error&) {
  }
  return 0;
}
