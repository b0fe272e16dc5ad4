// Request targets: path and query string.
#include <cstdint>
#include <string_view>

#include "core/base/text.hpp"
#include "core/http/target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    if (data[i] <= ' ' || data[i] >= 0x7f) return 0;  // the head parser lets only visible ASCII through (fuzz_head)
  }
  operon::http::Target target;
  const auto refusal = operon::http::parse_target("GET", {reinterpret_cast<const char*>(data), size}, target);
  if (refusal.status == 0) {  // what is accepted keeps its promise
    if (!operon::base::is_utf8(target.path) || target.path.find('\0') != std::string::npos) __builtin_trap();
    for (const auto& [name, value] : target.query) {
      if (value.empty() || !operon::base::is_utf8(name) || !operon::base::is_utf8(value)) __builtin_trap();
    }
  }
  return 0;
}
