#include "prescan.hpp"

#include "operon/error.hpp"

namespace operon::yaml::detail {
namespace {

/// Length of the UTF-8 character at `i`; 0 when there is none.
size_t character_length(std::string_view text, size_t i) {
  auto byte = [&](size_t at) { return at < text.size() ? static_cast<unsigned char>(text[at]) : 0u; };
  unsigned first = byte(i), second = byte(i + 1);
  if (first < 0x80) return 1;
  size_t length = first >= 0xc2 && first <= 0xdf ? 2 : (first & 0xf0) == 0xe0 ? 3 : first >= 0xf0 && first <= 0xf4 ? 4 : 0;
  for (size_t k = 1; k < length; ++k) {
    if ((byte(i + k) & 0xc0) != 0x80) return 0;
  }
  if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) || (first == 0xf0 && second < 0x90) ||
      (first == 0xf4 && second > 0x8f))
    return 0;
  return length;
}

}  // namespace

void prescan(std::string_view text, const std::string& name) {
  size_t line = 1;
  auto fail = [&](const std::string& what) { throw Error(Code::invalid_argument, name + ":" + std::to_string(line) + ": " + what); };
  for (size_t i = 0; i < text.size();) {
    auto c = static_cast<unsigned char>(text[i]);
    if (c == '\n') ++line;
    if (c == 0) fail("holds a NUL character");
    if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f) fail("holds a control character");
    size_t length = character_length(text, i);
    if (length == 0) fail("not valid UTF-8");
    i += length;
  }
}

}  // namespace operon::yaml::detail
