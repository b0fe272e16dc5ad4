#include <clocale>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "words.hpp"

namespace operon::fields::detail {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool equals_ignoring_case(std::string_view text, std::string_view word) {
  if (text.size() != word.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (lower(text[i]) != word[i]) return false;
  }
  return true;
}

bool is_special(std::string_view text) {
  if (equals_ignoring_case(text, "nan")) return true;
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) text.remove_prefix(1);
  return equals_ignoring_case(text, "inf") || equals_ignoring_case(text, "infinity");
}

/// Underscores stand between digits only; a base prefix counts as a digit before one.
bool underscores_fit(std::string_view text, bool hex) {
  char saw = '^';
  size_t i = 0;
  if (hex) {
    i = 2;
    saw = '0';
  }
  for (; i < text.size(); ++i) {
    char c = text[i];
    if (is_digit(c) || (hex && lower(c) >= 'a' && lower(c) <= 'f')) {
      saw = '0';
    } else if (c == '_') {
      if (saw != '0') return false;
      saw = '_';
    } else {
      if (saw == '_') return false;
      saw = '!';
    }
  }
  return saw != '_';
}

/// The grammar of Go's readFloat, over the whole of `text` (without its sign).
bool is_well_formed(std::string_view text) {
  const bool hex = text.size() > 2 && text[0] == '0' && lower(text[1]) == 'x';
  size_t i = hex ? 2 : 0;
  bool dot = false, digits = false, underscores = false;
  for (; i < text.size(); ++i) {
    char c = text[i];
    if (c == '_') {
      underscores = true;
    } else if (c == '.' && !dot) {
      dot = true;
    } else if (is_digit(c) || (hex && lower(c) >= 'a' && lower(c) <= 'f')) {
      digits = true;
    } else {
      break;
    }
  }
  if (!digits) return false;
  if (i < text.size() && lower(text[i]) == (hex ? 'p' : 'e')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (i >= text.size() || !is_digit(text[i])) return false;
    for (; i < text.size() && (is_digit(text[i]) || text[i] == '_'); ++i) underscores = underscores || text[i] == '_';
  } else if (hex) {
    return false;  // a hexadecimal float must have its exponent: 0x10 is no float
  }
  return i == text.size() && (!underscores || underscores_fit(text, hex));
}

}  // namespace

bool is_go_float(std::string_view text) {
  if (is_special(text)) return true;
  std::string_view unsigned_text = text;
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) unsigned_text.remove_prefix(1);
  if (!is_well_formed(unsigned_text)) return false;
  std::string plain;
  for (char c : unsigned_text) {
    if (c != '_') plain += c;
  }
  // The program's locale must not decide what a decimal point is.
  static const locale_t c_locale = newlocale(LC_ALL_MASK, "C", nullptr);
  return !std::isinf(strtod_l(plain.c_str(), nullptr, c_locale));
}

}  // namespace operon::fields::detail
