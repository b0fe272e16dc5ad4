#include "core/base/json.hpp"

#include <iterator>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/base/text.hpp"
#include "operon/error.hpp"

namespace operon::base {
namespace {

using nlohmann::json;

/// Tells the handler how far the parser has read, which nlohmann's own iterators do not.
struct CountingIterator {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  const char* at = nullptr;
  const char** seen = nullptr;

  reference operator*() const { return *at; }
  CountingIterator& operator++() {
    ++at;
    if (seen) *seen = at;
    return *this;
  }
  CountingIterator operator++(int) {
    auto old = *this;
    ++*this;
    return old;
  }
  friend bool operator!=(const CountingIterator& a, const CountingIterator& b) { return a.at != b.at; }
};

/// Builds the value while it checks. Every handler answers false to stop the parser; `fault` says why, when `seen` was given.
class Builder final : public nlohmann::json_sax<json> {
 public:
  Builder(const JsonLimits& limits, const char* begin, const char* const* seen) : limits_(limits), begin_(begin), seen_(seen) {}

  std::string fault;
  bool refused = false;  ///< by a rule of ours, not by the parser
  json root;

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t& text) override {
    // An integer that fits no 64 bits arrives here and would silently lose digits.
    if (!limits_.wide_integers && text.find_first_of(".eE") == string_t::npos)
      return refuse("integer " + printable(text, 40) + " does not fit 64 bits");
    return add(value);
  }
  bool string(string_t& value) override {
    if (!limits_.nul_allowed && value.find('\0') != string_t::npos) return refuse("string holds a NUL character");
    return add(std::move(value));
  }
  bool binary(binary_t&) override { return refuse("binary value"); }
  bool start_object(std::size_t) override { return open(json::value_t::object); }
  bool start_array(std::size_t) override { return open(json::value_t::array); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    auto& object = open_.back()->get_ref<json::object_t&>();
    if (!limits_.nul_allowed && name.find('\0') != string_t::npos) return refuse("key holds a NUL character");
    auto [place, inserted] = object.try_emplace(name);
    if (!inserted) return refuse("duplicate key \"" + printable(name, 80) + "\"");
    member_ = &place->second;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& e) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error while ..." -> the words after the position.
    std::string_view text = e.what();
    if (auto at = text.find("] "); at != std::string_view::npos) text.remove_prefix(at + 2);
    if (text.starts_with("parse error")) {
      if (auto at = text.find(": "); at != std::string_view::npos) text.remove_prefix(at + 2);
    }
    if (auto at = text.find("; last read"); at != std::string_view::npos) text = text.substr(0, at);
    fault = "at byte " + std::to_string(position) + ": " + printable(text);
    return false;
  }

 private:
  bool refuse(const std::string& why) {
    refused = true;
    if (!seen_) return false;
    fault = "at byte " + std::to_string(*seen_ - begin_) + ": " + why;
    return false;
  }

  json* place(json value) {
    if (open_.empty()) {
      root = std::move(value);
      return &root;
    }
    if (open_.back()->is_array()) {
      auto& array = open_.back()->get_ref<json::array_t&>();
      array.push_back(std::move(value));
      return &array.back();
    }
    *member_ = std::move(value);
    return member_;
  }

  bool count() { return ++values_ <= limits_.values_max || refuse("more than " + std::to_string(limits_.values_max) + " values"); }

  template <class T>
  bool add(T&& value) {
    if (!count()) return false;
    place(json(std::forward<T>(value)));
    return true;
  }

  bool open(json::value_t kind) {
    if (!count()) return false;
    if (open_.size() >= limits_.depth_max) return refuse("nested deeper than " + std::to_string(limits_.depth_max));
    open_.push_back(place(json(kind)));
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  const JsonLimits& limits_;
  const char* begin_;
  const char* const* seen_;
  std::vector<json*> open_;  // pointers stay good: an element moves only while a later sibling is added, when it is closed
  json* member_ = nullptr;
  size_t values_ = 0;
};

}  // namespace

json parse_json(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.bytes_max) {
    throw Error(Code::invalid_argument, "JSON of " + bytes_text(text.size()) + " is larger than " + bytes_text(limits.bytes_max));
  }
  if (text.starts_with("\xef\xbb\xbf")) throw Error(Code::invalid_argument, "invalid JSON at byte 1: begins with a byte order mark");
  // The parser takes one between values for the end of the text, whatever follows.
  if (const size_t nul = text.find('\0'); nul != std::string_view::npos) {
    throw Error(Code::invalid_argument, "invalid JSON at byte " + std::to_string(nul + 1) + ": a NUL byte");
  }
  Builder builder(limits, text.data(), nullptr);
  if (json::sax_parse(text.data(), text.data() + text.size(), &builder)) return std::move(builder.root);
  if (!builder.refused) throw Error(Code::invalid_argument, "invalid JSON " + builder.fault);
  // Once more, counting bytes: that costs several times as much, so only what is refused pays for it.
  const char* seen = text.data();
  Builder counting(limits, text.data(), &seen);
  CountingIterator begin{text.data(), &seen}, end{text.data() + text.size(), nullptr};
  json::sax_parse(begin, end, &counting);
  throw Error(Code::invalid_argument, "invalid JSON " + counting.fault);
}

}  // namespace operon::base
