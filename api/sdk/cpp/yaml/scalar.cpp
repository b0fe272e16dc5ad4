#include "scalar.hpp"

#include <algorithm>
#include <charconv>

namespace operon::yaml::detail {
namespace {

using nlohmann::json;

bool digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

template <class T>
bool read(std::string_view text, T& value, int base = 10) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc() && end == text.data() + text.size();
}

/// Integers of the core schema. Absent (discarded) when it is none or fits no 64 bits: then the text is kept, so that no digit is lost.
json integer(std::string_view text) {
  bool negative = text.starts_with('-');
  std::string_view rest = text;
  if (negative || text.starts_with('+')) rest.remove_prefix(1);
  uint64_t magnitude = 0;
  if (text.starts_with("0x") && text.size() > 2)
    return read(text.substr(2), magnitude, 16) ? json(magnitude) : json(json::value_t::discarded);
  if (text.starts_with("0o") && text.size() > 2)
    return read(text.substr(2), magnitude, 8) ? json(magnitude) : json(json::value_t::discarded);
  if (!digits(rest)) return json(json::value_t::discarded);
  int64_t value = 0;
  if (negative) return read(text, value) ? json(value) : json(json::value_t::discarded);
  if (!read(rest, magnitude)) return json(json::value_t::discarded);
  return json(magnitude);
}

/// [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
bool is_float(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  size_t at = text.find_first_of("eE");
  if (at != std::string_view::npos) {
    std::string_view exponent = text.substr(at + 1);
    if (exponent.starts_with('-') || exponent.starts_with('+')) exponent.remove_prefix(1);
    if (!digits(exponent)) return false;
    text = text.substr(0, at);
  }
  size_t dot = text.find('.');
  if (dot == std::string_view::npos) return at != std::string_view::npos && digits(text);
  std::string_view whole = text.substr(0, dot), fraction = text.substr(dot + 1);
  if (whole.empty()) return digits(fraction);
  return digits(whole) && (fraction.empty() || digits(fraction));
}

bool is_null(std::string_view text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

}  // namespace

json plain_value(const std::string& text, Scalars scalars) {
  if (is_null(text)) return nullptr;
  if (scalars == Scalars::text) return text;
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  if (json number = integer(text); !number.is_discarded()) return number;
  if (is_float(text)) {
    double value = 0;
    std::string_view unsigned_text = text;
    if (unsigned_text.starts_with('+')) unsigned_text.remove_prefix(1);  // from_chars takes no plus
    auto [end, error] = std::from_chars(unsigned_text.data(), unsigned_text.data() + unsigned_text.size(), value);
    if (error == std::errc() && end == unsigned_text.data() + unsigned_text.size()) return value;
  }
  return text;
}

bool is_typed(const std::string& text) {
  return !plain_value(text, Scalars::typed).is_string();
}

}  // namespace operon::yaml::detail
