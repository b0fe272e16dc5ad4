// The body of POST /scenarios/run.
#include <cstdint>
#include <string_view>

#include "core/control/run_request.hpp"
#include "operon/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    operon::control::parse_run_request({reinterpret_cast<const char*>(data), size}, {}, {});
  } catch (const operon::Error&) {  // a refusal; anything else that is thrown is a finding
  }
  return 0;
}
