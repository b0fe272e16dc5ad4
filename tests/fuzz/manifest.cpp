// The manifest beside a plugin library.
#include <cstdint>
#include <string_view>

#include "core/plugin/loader.hpp"
#include "operon/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const auto manifest = operon::plugin::parse_manifest({reinterpret_cast<const char*>(data), size}, "/plugins/libx.so.manifest.json");
    operon::plugin::check_schema(manifest);
    operon::plugin::check_configuration(manifest, "{\"a\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"b\":[1,2,{}]}", "fuzz");
  } catch (const operon::Error&) {
  }
  return 0;
}
