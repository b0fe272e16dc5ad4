#include "text.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace operon::runner_pod {
namespace {

constexpr size_t label_value_bytes_max = 63;
constexpr size_t data_key_bytes_max = 253;
constexpr int64_t ns_per_s = 1'000'000'000;

bool alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool of_a_name(char c) {
  return alphanumeric(c) || c == '-' || c == '_' || c == '.';
}

std::string trimmed(std::string text) {
  const auto first = std::find_if(text.begin(), text.end(), alphanumeric);
  text.erase(text.begin(), first);
  while (!text.empty() && !alphanumeric(text.back())) text.pop_back();
  return text;
}

std::string cleaned(std::string_view text, size_t bytes_max) {
  const auto hash = short_hash(text);
  std::string clean(text.substr(0, bytes_max));
  for (char& c : clean) c = of_a_name(c) ? c : '-';
  clean = trimmed(trimmed(std::move(clean)).substr(0, bytes_max - hash.size() - 1));
  return clean.empty() ? hash : clean + "-" + hash;
}

/// "NN" at `at`; -1 when it is no number.
int number(std::string_view text, size_t at, size_t digits) {
  int value = 0;
  for (const char c : text.substr(at, digits)) {
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  return value;
}

}  // namespace

bool is_utf8(std::string_view bytes) {
  for (size_t i = 0; i < bytes.size();) {
    const auto first = static_cast<unsigned char>(bytes[i]);
    const size_t length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    if (length == 0 || i + length > bytes.size()) return false;
    for (size_t k = 1; k < length; ++k) {
      const auto next = static_cast<unsigned char>(bytes[i + k]);
      // The second byte alone tells overlong forms, surrogates and what is past U+10FFFF.
      const unsigned low = k > 1 ? 0x80 : first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
      const unsigned high = k > 1 ? 0xbf : first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
      if (next < low || next > high) return false;
    }
    i += length;
  }
  return true;
}

std::string short_hash(std::string_view text) {
  uint64_t hash = 14695981039346656037u;  // FNV-1a
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(hash));
  return std::string(digits, 10);
}

std::string label_value(std::string_view text) {
  const bool legal = text.size() <= label_value_bytes_max && std::all_of(text.begin(), text.end(), of_a_name) &&
                     (text.empty() || (alphanumeric(text.front()) && alphanumeric(text.back())));
  return legal ? std::string(text) : cleaned(text, label_value_bytes_max);
}

std::string data_key(std::string_view text) {
  const bool legal = !text.empty() && text.size() <= data_key_bytes_max && std::all_of(text.begin(), text.end(), of_a_name) &&
                     text != "." && !text.starts_with("..");
  return legal ? std::string(text) : cleaned(text, data_key_bytes_max);
}

std::string dns_label(std::string_view text, size_t bytes_max) {
  std::string label(text.substr(0, bytes_max));
  for (char& c : label) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (!alphanumeric(c)) c = '-';
  }
  label = trimmed(std::move(label));
  return label.empty() ? short_hash(text) : label;
}

std::string literal_value(std::string_view value) {
  std::string literal;
  literal.reserve(value.size());
  for (size_t i = 0; i < value.size(); ++i) {
    literal += value[i];
    if (value[i] == '$' && i + 1 < value.size() && (value[i + 1] == '$' || value[i + 1] == '(')) literal += '$';
  }
  return literal;
}

std::optional<int64_t> unix_ns(std::string_view text) {
  // 2026-11-21T13:00:00[.fraction](Z|+hh:mm|-hh:mm)
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':') return std::nullopt;
  const int year = number(text, 0, 4), month = number(text, 5, 2), day = number(text, 8, 2);
  const int hour = number(text, 11, 2), minute = number(text, 14, 2), second = number(text, 17, 2);
  if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 ||
      second > 60) {
    return std::nullopt;
  }
  using namespace std::chrono;
  const sys_days date{std::chrono::year(year) / month / day};
  int64_t ns = (date.time_since_epoch().count() * 86400LL + hour * 3600 + minute * 60 + second) * ns_per_s;
  size_t at = 19;
  if (text[at] == '.') {
    int64_t unit = ns_per_s / 10;
    for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, unit /= 10) ns += unit * (text[at] - '0');
  }
  if (at < text.size() && text[at] == 'Z') return at + 1 == text.size() ? std::optional(ns) : std::nullopt;
  if (at + 6 != text.size() || (text[at] != '+' && text[at] != '-') || text[at + 3] != ':') return std::nullopt;
  const int hours = number(text, at + 1, 2), minutes = number(text, at + 4, 2);
  if (hours < 0 || minutes < 0) return std::nullopt;
  const int64_t ahead = (hours * 3600LL + minutes * 60LL) * ns_per_s;
  return text[at] == '+' ? ns - ahead : ns + ahead;
}

std::optional<int64_t> unix_ms(std::string_view text) {
  const auto ns = unix_ns(text);
  return ns ? std::optional(*ns / 1'000'000) : std::nullopt;
}

std::string rfc3339(int64_t ns) {
  using namespace std::chrono;
  const sys_seconds time{seconds(ns / ns_per_s)};
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(time - day);
  char text[32];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text;
}

}  // namespace operon::runner_pod
