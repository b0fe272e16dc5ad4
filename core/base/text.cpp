#include "core/base/text.hpp"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <ctime>

namespace operon::base {
namespace {

std::string seconds_text(int64_t unix_seconds) {
  std::time_t time = static_cast<std::time_t>(unix_seconds);
  std::tm parts{};
  gmtime_r(&time, &parts);
  char text[32];
  size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  return {text, size};
}

int64_t floor_div(int64_t a, int64_t b) {
  return a / b - (a % b < 0 ? 1 : 0);
}

/// Length of the UTF-8 character at `i`, 0 when there is none (overlong forms, surrogates and stray bytes are none).
size_t character_length(std::string_view text, size_t i) {
  auto byte = [&](size_t at) { return at < text.size() ? static_cast<unsigned char>(text[at]) : 0u; };
  unsigned first = byte(i);
  if (first < 0x80) return 1;
  size_t length = first >= 0xc2 && first <= 0xdf ? 2 : (first & 0xf0) == 0xe0 ? 3 : first >= 0xf0 && first <= 0xf4 ? 4 : 0;
  for (size_t k = 1; k < length; ++k) {
    if ((byte(i + k) & 0xc0) != 0x80) return 0;
  }
  unsigned second = byte(i + 1);
  if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) || (first == 0xf0 && second < 0x90) ||
      (first == 0xf4 && second > 0x8f))
    return 0;
  return length;
}

char lower(char c) {
  return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

/// Edits (insert, delete, replace, swap of neighbours) between two words, ignoring case.
size_t edits(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), now(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      bool same = lower(a[i - 1]) == lower(b[j - 1]);
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
        now[j] = std::min(now[j], before[j - 2] + 1);
    }
    before = last;
    last = now;
  }
  return last[b.size()];
}

}  // namespace

std::string rfc3339(int64_t unix_ms) {
  return seconds_text(floor_div(unix_ms, 1000)) + "Z";
}

std::string rfc3339_ms(int64_t unix_ms) {
  int64_t seconds = floor_div(unix_ms, 1000);
  char fraction[8];
  std::snprintf(fraction, sizeof fraction, ".%03dZ", static_cast<int>((unix_ms - seconds * 1000) % 1000));
  return seconds_text(seconds) + fraction;
}

std::optional<int64_t> from_rfc3339(const std::string& text) {
  std::tm parts{};
  const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) return std::nullopt;
  if (*rest == '.') {
    do ++rest;
    while (*rest >= '0' && *rest <= '9');
  }
  int64_t offset_s = 0;
  if (*rest == '+' || *rest == '-') {
    std::tm zone{};
    const char* end = strptime(rest + 1, "%H:%M", &zone);
    if (end == nullptr || *end != 0) return std::nullopt;
    offset_s = (zone.tm_hour * 3600 + zone.tm_min * 60) * (*rest == '-' ? -1 : 1);
  } else if (std::string_view(rest) != "Z") {
    return std::nullopt;
  }
  return (timegm(&parts) - offset_s) * 1000;
}

bool is_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    size_t length = character_length(text, i);
    if (length == 0) return false;
    i += length;
  }
  return true;
}

std::vector<std::string> nearest(std::string_view word, const std::vector<std::string>& known) {
  constexpr size_t word_bytes_max = 64;  // longer words are no typing mistake, and the comparison is quadratic
  if (word.empty() || word.size() > word_bytes_max) return {};
  std::vector<std::pair<size_t, std::string>> found;
  for (const auto& candidate : known) {
    if (candidate.size() > word_bytes_max) continue;
    size_t distance = edits(word, candidate);
    if (distance <= std::max<size_t>(1, std::min(word.size(), candidate.size()) / 3)) found.emplace_back(distance, candidate);
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> names;
  for (size_t i = 0; i < found.size() && i < 3; ++i) names.push_back(std::move(found[i].second));
  return names;
}

std::string bytes_text(uint64_t bytes) {
  static constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  size_t unit = 0;
  uint64_t whole = bytes;
  uint64_t rest = 0;
  while (whole >= 1024 && unit + 1 < std::size(units)) {
    rest = whole % 1024;
    whole /= 1024;
    ++unit;
  }
  std::string text = std::to_string(whole);
  if (rest * 10 / 1024 != 0 && whole < 100) text += "." + std::to_string(rest * 10 / 1024);
  return text + (unit == 0 ? " " : "") + units[unit];
}

std::string printable(std::string_view text, size_t max) {
  std::string out;
  char escape[8];
  for (size_t i = 0; i < text.size();) {
    size_t length = character_length(text, i);
    unsigned char c = static_cast<unsigned char>(text[i]);
    std::string_view piece = text.substr(i, std::max<size_t>(length, 1));
    if (c == '\n') {
      piece = "\\n";
    } else if (c == '\r') {
      piece = "\\r";
    } else if (c == '\t') {
      piece = "\\t";
    } else if (length == 0 || c < 0x20 || c == 0x7f || (length == 2 && c == 0xc2 && static_cast<unsigned char>(text[i + 1]) < 0xa0)) {
      std::snprintf(escape, sizeof escape, "\\x%02x", length == 2 ? static_cast<unsigned char>(text[i + 1]) : c);
      piece = escape;
    }
    if (out.size() + piece.size() > max) return out + "...";
    out += piece;
    i += std::max<size_t>(length, 1);
  }
  return out;
}

}  // namespace operon::base
