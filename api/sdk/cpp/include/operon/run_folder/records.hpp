/// operon/run_folder/records.hpp: the text of `spec` and `status`: records "key length\nvalue\n". Values are any bytes; a key may repeat.
#pragma once

#include <cstdint>
#include <string_view>

namespace operon::run_folder {

struct Record {
  std::string_view key;
  std::string_view value;  ///< points into the text; the byte behind it is the record's newline
};

/// Reads a decimal number that is the whole of `text`.
inline bool decimal(std::string_view text, uint64_t& number) {
  if (text.empty() || text.size() > 19) return false;
  number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    number = number * 10 + static_cast<uint64_t>(c - '0');
  }
  return true;
}

/// One record after the other, in order. The text must outlive it.
class RecordReader {
 public:
  explicit RecordReader(std::string_view text) : text_(text) {}

  /// False at the end, and at the first thing that is no record.
  bool next(Record& record) {
    if (text_.empty()) return false;
    broken_ = true;
    const auto space = text_.find(' ');
    const auto line = text_.find('\n');
    uint64_t size = 0;
    if (space == text_.npos || line == text_.npos || space > line) return false;
    if (!decimal(text_.substr(space + 1, line - space - 1), size)) return false;
    if (size >= text_.size() - line - 1 || text_[line + 1 + size] != '\n') return false;
    record = {text_.substr(0, space), text_.substr(line + 1, size)};
    text_.remove_prefix(line + size + 2);
    broken_ = false;
    return true;
  }
  /// True when next() stopped before the end.
  bool broken() const { return broken_; }

 private:
  std::string_view text_;
  bool broken_ = false;
};

/// Decimal digits of `number` at the end of `digits` (20 bytes or more).
inline std::string_view to_digits(uint64_t number, char (&digits)[21]) {
  size_t at = sizeof digits;
  do {
    digits[--at] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  return {digits + at, sizeof digits - at};
}

/// Appends one record to anything that has append(const char*, size_t).
template <class Text>
void append_record(Text& text, std::string_view key, std::string_view value) {
  char digits[21];
  const auto size = to_digits(value.size(), digits);
  text.append(key.data(), key.size());
  text.append(" ", 1);
  text.append(size.data(), size.size());
  text.append("\n", 1);
  text.append(value.data(), value.size());
  text.append("\n", 1);
}
template <class Text>
void append_number(Text& text, std::string_view key, uint64_t value) {
  char digits[21];
  append_record(text, key, to_digits(value, digits));
}

}  // namespace operon::run_folder
