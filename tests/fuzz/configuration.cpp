// A configuration file of operond, and --set expressions (inputs that begin with '=').
#include <cstdint>
#include <string_view>

#include "core/config/set_expression.hpp"
#include "core/config/yaml_file.hpp"
#include "operon/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  try {
    if (!text.empty() && text.front() == '=') {
      operon::config::parse_set(text.substr(1), "--set");
    } else {
      operon::config::parse_yaml(text, "fuzz.yaml");
    }
  } catch (const operon::Error&) {
  }
  return 0;
}
