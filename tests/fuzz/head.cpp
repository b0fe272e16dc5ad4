// Request heads off the wire.
#include "core/http/head.hpp"

#include <cstdint>
#include <string_view>

#include "core/http/server.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input{reinterpret_cast<const char*>(data), size};
  const operon::http::ServerLimits limits;
  operon::http::RequestHead whole, dripped;
  operon::http::Refusal refusal, dripped_refusal;
  operon::http::HeadParser parser;
  const auto result = parser.parse(input, limits, whole, refusal);
  operon::http::HeadParser slow;  // arriving byte by byte must mean the same
  auto last = operon::http::HeadParser::Result::incomplete;
  for (size_t length = 1; length <= size && last == operon::http::HeadParser::Result::incomplete; ++length)
    last = slow.parse(input.substr(0, length), limits, dripped, dripped_refusal);
  if (size > 0 && result != last) __builtin_trap();
  if (result == operon::http::HeadParser::Result::done) {
    for (const char c : whole.target()) {
      if (c <= ' ' || c >= 0x7f) __builtin_trap();  // what parse_target relies on
    }
  }
  return 0;
}
