#include "core/config/values.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

namespace operon::config {
namespace {

struct Suffix {
  std::string_view word;
  int64_t factor;
};

constexpr int64_t kibi = 1024;
constexpr std::array byte_suffixes{Suffix{"GiB", kibi* kibi* kibi}, Suffix{"MiB", kibi* kibi}, Suffix{"KiB", kibi}, Suffix{"B", 1}};
constexpr std::array ms_suffixes{Suffix{"ms", 1}, Suffix{"d", 86400000}, Suffix{"h", 3600000}, Suffix{"m", 60000}, Suffix{"s", 1000}};
constexpr std::array second_suffixes{Suffix{"d", 86400}, Suffix{"h", 3600}, Suffix{"m", 60}, Suffix{"s", 1}};

const Suffix* begin_of(Unit unit) {
  return unit == Unit::bytes ? byte_suffixes.data() : unit == Unit::milliseconds ? ms_suffixes.data() : second_suffixes.data();
}
size_t count_of(Unit unit) {
  return unit == Unit::none    ? 0
         : unit == Unit::bytes ? byte_suffixes.size()
                               : (unit == Unit::milliseconds ? ms_suffixes.size() : second_suffixes.size());
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

bool looks_like_number(const std::string& text) {
  const size_t start = text[0] == '-' || text[0] == '+' ? 1 : 0;
  if (start == text.size()) return false;
  // 0123 and 1_000 stay text: which number they are depends on who reads them.
  if (text.size() > start + 1 && text[start] == '0' && text[start + 1] != '.') return false;
  return text.find_first_not_of("0123456789.eE+-", start) == std::string::npos && text.find_first_of("0123456789") != std::string::npos;
}

}  // namespace

std::optional<int64_t> parse_number(std::string_view text, Unit unit) {
  int64_t factor = 1;
  for (size_t i = 0; i < count_of(unit); ++i) {
    const auto& suffix = begin_of(unit)[i];
    if (text.size() > suffix.word.size() && text.ends_with(suffix.word)) {
      factor = suffix.factor;
      text.remove_suffix(suffix.word.size());
      break;
    }
  }
  int64_t whole = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), whole);
  if (error != std::errc{} || text.empty()) return std::nullopt;
  if (end == text.data() + text.size()) {
    int64_t product = 0;
    if (__builtin_mul_overflow(whole, factor, &product)) return std::nullopt;
    return product;
  }
  double value = 0;
  const auto [end2, error2] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error2 != std::errc{} || end2 != text.data() + text.size()) return std::nullopt;
  value *= static_cast<double>(factor);
  if (!(std::abs(value) < 9e15) || value != std::floor(value)) return std::nullopt;
  return static_cast<int64_t>(value);
}

std::string number_text(int64_t value, Unit unit) {
  if (value == 0) return "0";
  const Suffix* best = nullptr;
  for (size_t i = 0; i < count_of(unit); ++i) {
    const auto& suffix = begin_of(unit)[i];
    if (value % suffix.factor == 0 && suffix.factor > 1 && (best == nullptr || suffix.factor > best->factor)) best = &suffix;
  }
  if (best != nullptr) return std::to_string(value / best->factor) + std::string(best->word);
  const char* bare = unit == Unit::milliseconds ? "ms" : unit == Unit::seconds ? "s" : unit == Unit::bytes ? "B" : "";
  return std::to_string(value) + bare;
}

std::optional<bool> parse_boolean(std::string_view text) {
  const auto word = lower(text);
  if (word == "true" || word == "yes" || word == "on" || word == "1") return true;
  if (word == "false" || word == "no" || word == "off" || word == "0") return false;
  return std::nullopt;
}

nlohmann::ordered_json scalar_json(const std::string& text, bool quoted) {
  if (quoted) return text;
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return nullptr;
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  if (!looks_like_number(text)) return text;
  const char* first = text.data() + (text[0] == '+' ? 1 : 0);
  const char* last = text.data() + text.size();
  int64_t whole = 0;
  if (auto [end, error] = std::from_chars(first, last, whole); error == std::errc{} && end == last) return whole;
  double real = 0;
  if (auto [end, error] = std::from_chars(first, last, real); error == std::errc{} && end == last && std::isfinite(real)) return real;
  return text;
}

std::optional<Address> parse_address(std::string_view text) {
  Address address;
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  auto host = text.substr(0, colon);
  const auto port = text.substr(colon + 1);
  if (auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
      error != std::errc{} || end != port.data() + port.size() || port.empty()) {
    return std::nullopt;
  }
  if (host.starts_with('[') && host.ends_with(']') && host.size() > 2) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find_first_of(":[]") != std::string_view::npos) {
    return std::nullopt;
  }
  if (host.find_first_of(" /\t\n@") != std::string_view::npos) return std::nullopt;
  address.host = host;
  return address;
}

std::string address_text(const Address& address) {
  const bool v6 = address.host.find(':') != std::string::npos;
  return (v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

bool is_loopback(const std::string& host) {
  if (lower(host) == "localhost" || host == "::1") return true;
  if (!host.starts_with("127.")) return false;
  return std::count(host.begin(), host.end(), '.') == 3 && host.find_first_not_of("0123456789.") == std::string::npos;
}

}  // namespace operon::config
