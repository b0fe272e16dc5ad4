#include "core/plugin/json_check.hpp"

#include <bit>
#include <cstdint>
#include <cstring>

namespace operon::plugin {
namespace {

constexpr uint64_t ones = 0x0101010101010101u;
constexpr uint64_t tops = 0x8080808080808080u;

bool is_space(char c) noexcept {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}
bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}
bool is_hex(char c) noexcept {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/// One walk over the text; every function moves `at_` past what it names, or says false.
class Walk {
 public:
  explicit Walk(std::string_view text) noexcept : at_(text.data()), end_(text.data() + text.size()) {}

  bool whole() noexcept {
    space();
    for (;;) {
      if (!value()) return false;
      // After a value: close what it completes, until something expects another one.
      for (;;) {
        if (opened_) break;
        if (depth_ == 0) return space(), at_ == end_;
        space();
        if (at_ == end_) return false;
        char c = *at_++;
        bool object = (kinds_ >> (depth_ - 1)) & 1u;
        if (c == ',') {
          space();
          if (object && !key()) return false;
          break;
        }
        if (c != (object ? '}' : ']')) return false;
        --depth_;
      }
      opened_ = false;
    }
  }

 private:
  void space() noexcept {
    while (at_ != end_ && is_space(*at_)) ++at_;
  }

  bool word(std::string_view w) noexcept {
    if (static_cast<size_t>(end_ - at_) < w.size() || std::memcmp(at_, w.data(), w.size()) != 0) return false;
    at_ += w.size();
    return true;
  }

  bool value() noexcept {
    if (at_ == end_) return false;
    switch (*at_) {
      case '"':
        return ++at_, string();
      case '{':
        return open(true);
      case '[':
        return open(false);
      case 't':
        return word("true");
      case 'f':
        return word("false");
      case 'n':
        return word("null");
      default:
        return number();
    }
  }

  bool open(bool object) noexcept {
    ++at_;
    space();
    if (at_ == end_) return false;
    if (*at_ == (object ? '}' : ']')) return ++at_, true;
    if (depth_ == json_depth_max) return false;
    uint64_t bit = uint64_t{1} << depth_;
    kinds_ = object ? kinds_ | bit : kinds_ & ~bit;
    ++depth_;
    opened_ = true;
    return !object || key();
  }

  bool key() noexcept {
    if (at_ == end_ || *at_ != '"') return false;
    ++at_;
    if (!string()) return false;
    space();
    if (at_ == end_ || *at_ != ':') return false;
    ++at_;
    space();
    return true;
  }

  bool digits() noexcept {
    if (at_ == end_ || !is_digit(*at_)) return false;
    while (at_ != end_ && is_digit(*at_)) ++at_;
    return true;
  }

  bool number() noexcept {
    if (*at_ == '-') ++at_;
    if (at_ == end_) return false;
    if (*at_ == '0') {
      ++at_;
    } else if (!digits()) {
      return false;
    }
    if (at_ != end_ && *at_ == '.') {
      ++at_;
      if (!digits()) return false;
    }
    if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
      ++at_;
      if (at_ != end_ && (*at_ == '+' || *at_ == '-')) ++at_;
      if (!digits()) return false;
    }
    return true;
  }

  /// Past the opening quote: eight plain bytes at a time, then whatever stopped that.
  bool string() noexcept {
    for (;;) {
      while (end_ - at_ >= 8) {
        uint64_t w;
        std::memcpy(&w, at_, 8);
        uint64_t quote = w ^ (ones * '"'), slash = w ^ (ones * '\\');
        uint64_t stop = (((quote - ones) & ~quote) | ((slash - ones) & ~slash) | ((w - ones * 0x20) & ~w) | w) & tops;
        if (stop != 0) {
          at_ += std::countr_zero(stop) / 8;
          break;
        }
        at_ += 8;
      }
      if (at_ == end_) return false;
      auto c = static_cast<unsigned char>(*at_);
      if (c == '"') return ++at_, true;
      if (c < 0x20) return false;
      if (c == '\\') {
        if (!escape()) return false;
      } else if (c >= 0x80) {
        if (!multibyte(c)) return false;
      } else {
        ++at_;
      }
    }
  }

  bool escape() noexcept {
    if (end_ - at_ < 2) return false;
    char c = at_[1];
    at_ += 2;
    if (c != 'u') return c != '\0' && std::strchr("\"\\/bfnrt", c) != nullptr;
    uint32_t unit = 0;
    if (!hex4(unit)) return false;
    if (unit >= 0xDC00 && unit <= 0xDFFF) return false;
    if (unit < 0xD800 || unit > 0xDBFF) return true;
    uint32_t low = 0;
    return word("\\u") && hex4(low) && low >= 0xDC00 && low <= 0xDFFF;
  }

  bool hex4(uint32_t& unit) noexcept {
    if (end_ - at_ < 4) return false;
    for (int i = 0; i < 4; ++i, ++at_) {
      char c = *at_;
      if (!is_hex(c)) return false;
      unit = unit * 16 + static_cast<uint32_t>(is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return true;
  }

  bool multibyte(unsigned char lead) noexcept {
    int more = lead >= 0xC2 && lead <= 0xDF ? 1 : lead >= 0xE0 && lead <= 0xEF ? 2 : lead >= 0xF0 && lead <= 0xF4 ? 3 : 0;
    if (more == 0 || end_ - at_ <= more) return false;
    auto second = static_cast<unsigned char>(at_[1]);
    unsigned char lowest = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    unsigned char highest = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (second < lowest || second > highest) return false;
    for (int i = 2; i <= more; ++i) {
      if ((static_cast<unsigned char>(at_[i]) & 0xC0) != 0x80) return false;
    }
    at_ += more + 1;
    return true;
  }

  const char* at_;
  const char* end_;
  uint64_t kinds_ = 0;  ///< one bit a level: object or array
  unsigned depth_ = 0;
  bool opened_ = false;
};

}  // namespace

bool is_json(std::string_view text) noexcept {
  return !text.empty() && Walk(text).whole();
}

bool is_json_object(std::string_view text) noexcept {
  size_t first = text.find_first_not_of(" \n\r\t");
  return first != std::string_view::npos && text[first] == '{' && is_json(text);
}

}  // namespace operon::plugin
