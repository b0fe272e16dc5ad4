#include "core/http/head.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace operon::http {

namespace {

constexpr std::array<bool, 256> make_token_table() {
  std::array<bool, 256> t{};
  for (int c = '0'; c <= '9'; ++c) t[static_cast<size_t>(c)] = true;
  for (int c = 'a'; c <= 'z'; ++c) t[static_cast<size_t>(c)] = true;
  for (int c = 'A'; c <= 'Z'; ++c) t[static_cast<size_t>(c)] = true;
  for (const char c : {'!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~'}) t[static_cast<size_t>(c)] = true;
  return t;
}
constexpr std::array<bool, 256> token_table = make_token_table();

bool token_char(char c) noexcept {
  return token_table[static_cast<unsigned char>(c)];
}
bool value_char(char c) noexcept {
  const auto u = static_cast<unsigned char>(c);
  return (u >= 0x20 && u != 0x7f) || u == '\t';
}
char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

std::string_view trim(std::string_view s) noexcept {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

template <typename Fn>
void each_listed(std::string_view list, Fn fn) {
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    fn(trim(list.substr(0, comma)));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
}

bool read_length(std::string_view text, uint64_t& out) noexcept {
  if (text.empty() || text.size() > 18) return false;
  out = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    out = out * 10 + static_cast<uint64_t>(c - '0');
  }
  return true;
}

constexpr Refusal bad_line{400, "the request line is malformed; it is METHOD SP TARGET SP HTTP/1.1"};

}  // namespace

bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

bool is_token(std::string_view s) noexcept {
  return !s.empty() && std::all_of(s.begin(), s.end(), token_char);
}

std::string_view RequestHead::header(std::string_view name) const noexcept {
  for (const Field& f : fields_) {
    if (f.name.length == name.size() && equals_ignoring_case(text(f.name), name)) return text(f.value);
  }
  return {};
}

HeadParser::Result HeadParser::scan(std::string_view input, const ServerLimits& limits, Refusal& refusal) {
  while (true) {
    const void* found = scanned_ < input.size() ? std::memchr(input.data() + scanned_, '\n', input.size() - scanned_) : nullptr;
    const size_t seen = found ? static_cast<size_t>(static_cast<const char*>(found) - input.data()) : input.size();
    if (lines_ == 0 && seen - line_start_ > limits.uri_bytes_max + 32) {
      refusal = {414, "the request target is longer than this server takes (uri_bytes_max)"};
      return Result::refused;
    }
    if (seen > limits.header_bytes_max) {
      refusal = {431, "the request header is larger than this server takes (header_bytes_max)"};
      return Result::refused;
    }
    if (!found) {
      scanned_ = input.size();
      return Result::incomplete;
    }
    if (seen == line_start_ || input[seen - 1] != '\r') {
      refusal = {400, "a line of the request header does not end in CR LF"};
      return Result::refused;
    }
    const bool empty = seen - 1 == line_start_;
    scanned_ = line_start_ = seen + 1;
    if (empty) return Result::done;
    if (++lines_ > limits.headers_max + 1u) {
      refusal = {431, "the request has more header fields than this server takes (headers_max)"};
      return Result::refused;
    }
  }
}

HeadParser::Result HeadParser::parse(std::string_view input, const ServerLimits& limits, RequestHead& head, Refusal& refusal) {
  if (const Result r = scan(input, limits, refusal); r != Result::done) return r;

  std::vector<RequestHead::Field> fields = std::move(head.fields_);  // keeps its capacity from request to request
  fields.clear();
  head = RequestHead{};
  head.fields_ = std::move(fields);
  head.base_ = input.data();
  head.bytes_ = scanned_;
  size_t at = 0;
  refusal = head.read_line(input, limits, at);
  if (!refusal.status) refusal = head.read_fields(input, at);
  if (!refusal.status) refusal = head.check();
  return refusal.status ? Result::refused : Result::done;
}

RequestHead::Span RequestHead::span(std::string_view s) const noexcept {
  return {static_cast<uint32_t>(s.data() - base_), static_cast<uint32_t>(s.size())};
}

Refusal RequestHead::read_line(std::string_view input, const ServerLimits& limits, size_t& at) {
  const size_t line_end = input.find('\r');
  const std::string_view line = input.substr(0, line_end);
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (input[line_end + 1] != '\n' || first == std::string_view::npos || last == first) return bad_line;
  const std::string_view method = line.substr(0, first), target = line.substr(first + 1, last - first - 1), version = line.substr(last + 1);
  if (!is_token(method) || method.size() > 32 || target.empty()) return bad_line;
  for (const char c : target) {
    const auto u = static_cast<unsigned char>(c);
    if (u <= 0x20 || u >= 0x7f) return {400, "the request target has a character that must be percent-encoded"};
  }
  if (target.size() > limits.uri_bytes_max) return {414, "the request target is longer than this server takes (uri_bytes_max)"};
  if (version.size() != 8 || version.substr(0, 5) != "HTTP/" || version[6] != '.') return bad_line;
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return {505, "this server speaks HTTP/1.0 and HTTP/1.1"};
  method_ = span(method);
  target_ = span(target);
  minor_version_ = version[7] - '0';

  at = line_end + 2;
  return {};
}

Refusal RequestHead::read_fields(std::string_view input, size_t at) {
  while (input[at] != '\r' || input[at + 1] != '\n') {
    const size_t end = input.find('\n', at) - 1;  // scan() has seen CR LF there
    const std::string_view field = input.substr(at, end - at);
    at = end + 2;
    if (field.front() == ' ' || field.front() == '\t') return {400, "a header field is folded over several lines"};
    size_t colon = 0;
    while (colon < field.size() && token_char(field[colon])) ++colon;
    if (colon == 0 || colon == field.size() || field[colon] != ':') return {400, "a header field's name is malformed"};
    const std::string_view value = trim(field.substr(colon + 1));
    if (!std::all_of(value.begin(), value.end(), value_char)) return {400, "a header field's value has a control character"};
    fields_.push_back({span(field.substr(0, colon)), span(value)});
    if (Refusal r = note(field.substr(0, colon), value, static_cast<int>(fields_.size()) - 1); r.status) return r;
  }
  return {};
}

Refusal RequestHead::note(std::string_view name, std::string_view value, int index) {
  auto once = [&](int& slot, const char* message) {
    if (slot >= 0) return Refusal{400, message};
    slot = index;
    return Refusal{};
  };
  switch (name.size()) {
    case 4:
      if (equals_ignoring_case(name, "host")) return once(host_, "the request has more than one Host header");
      break;
    case 6:
      if (equals_ignoring_case(name, "origin")) return once(origin_, "the request has more than one Origin header");
      if (equals_ignoring_case(name, "expect")) {
        if (!equals_ignoring_case(value, "100-continue")) return {417, "the only expectation that this server meets is 100-continue"};
        expects_continue_ = true;
      }
      break;
    case 7:
      if (equals_ignoring_case(name, "upgrade")) {
        each_listed(value, [&](std::string_view v) { upgrade_websocket_ |= equals_ignoring_case(v, "websocket"); });
      }
      break;
    case 10:
      if (equals_ignoring_case(name, "connection")) {
        each_listed(value, [&](std::string_view v) {
          connection_close_ |= equals_ignoring_case(v, "close");
          connection_keep_alive_ |= equals_ignoring_case(v, "keep-alive");
          connection_upgrade_ |= equals_ignoring_case(v, "upgrade");
        });
      }
      break;
    case 12:
      if (equals_ignoring_case(name, "x-request-id") && request_id_ < 0) request_id_ = index;
      break;
    case 13:
      if (equals_ignoring_case(name, "authorization")) return once(authorization_, "the request has more than one Authorization header");
      break;
    case 14:
      if (equals_ignoring_case(name, "content-length")) {
        // Equal copies are refused too: what a proxy before us made of them is anybody's guess.
        if (has_content_length_) return {400, "the request has more than one Content-Length header"};
        if (!read_length(value, content_length_)) return {400, "Content-Length is not a number"};
        has_content_length_ = true;
      }
      break;
    case 17:
      if (equals_ignoring_case(name, "transfer-encoding")) {
        if (has_transfer_encoding_) return {400, "the request has more than one Transfer-Encoding header"};
        has_transfer_encoding_ = true;
        if (!equals_ignoring_case(value, "chunked")) return {501, "the only transfer coding that this server knows is chunked"};
        chunked_ = true;
      }
      break;
    default:
      break;
  }
  return {};
}

Refusal RequestHead::check() {
  keep_alive_ = minor_version_ == 1 ? !connection_close_ : connection_keep_alive_ && !connection_close_;
  if (has_content_length_ && has_transfer_encoding_) return {400, "the request has both Content-Length and Transfer-Encoding"};
  if (has_transfer_encoding_ && minor_version_ == 0) return {400, "HTTP/1.0 has no Transfer-Encoding"};
  if (minor_version_ == 1 && host_ < 0) return {400, "the request has no Host header"};
  if (minor_version_ == 0) expects_continue_ = false;
  return {};
}

}  // namespace operon::http
