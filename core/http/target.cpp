#include "core/http/target.hpp"

#include <algorithm>

#include "core/base/text.hpp"

namespace operon::http {

namespace {

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool acceptable(const std::string& s) {
  return s.find('\0') == std::string::npos && base::is_utf8(s);
}

Refusal parse_query(std::string_view text, std::vector<std::pair<std::string, std::string>>& out) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const size_t equals = std::min(pair.find('='), pair.size());
    std::string name, value;
    if (!percent_decode(pair.substr(0, equals), true, name) ||
        !percent_decode(equals < pair.size() ? pair.substr(equals + 1) : std::string_view{}, true, value)) {
      return {400, "the query has a bad percent escape"};
    }
    if (!acceptable(name) || !acceptable(value)) return {400, "the query is not UTF-8 or has a NUL"};
    if (!value.empty()) out.emplace_back(std::move(name), std::move(value));
  }
  return {};
}

}  // namespace

bool percent_decode(std::string_view s, bool plus_is_space, std::string& out) {
  out.clear();
  out.reserve(s.size());
  for (size_t i = 0; i < s.size(); ++i) {
    if (s[i] == '%') {
      if (i + 2 >= s.size()) return false;
      const int high = hex_value(s[i + 1]), low = hex_value(s[i + 2]);
      if (high < 0 || low < 0) return false;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += plus_is_space && s[i] == '+' ? ' ' : s[i];
    }
  }
  return true;
}

Refusal parse_target(std::string_view method, std::string_view text, Target& out) {
  out.query.clear();
  out.authority = {};
  if (text == "*" && method == "OPTIONS") {
    out.path = "*";
    return {};
  }
  if (text.front() != '/') {
    const size_t scheme = equals_ignoring_case(text.substr(0, 7), "http://")    ? 7
                          : equals_ignoring_case(text.substr(0, 8), "https://") ? 8
                                                                                : 0;
    if (scheme == 0) return {400, "the request target is neither a path nor an http URL"};
    text.remove_prefix(scheme);
    const size_t end = std::min(text.find_first_of("/?"), text.size());
    out.authority = text.substr(0, end);
    if (out.authority.empty() || out.authority.find('@') != std::string_view::npos)
      return {400, "the request target names no host, or a user"};
    text.remove_prefix(end);
  }
  if (text.find('#') != std::string_view::npos) return {400, "the request target has a fragment"};
  const size_t question = std::min(text.find('?'), text.size());
  const std::string_view path = text.substr(0, question);
  if (path.find('%') == std::string_view::npos) {
    out.path.assign(path.empty() ? "/" : path);  // ASCII without NUL: the head parser has seen to that
  } else {
    if (!percent_decode(path, false, out.path)) return {400, "the path has a bad percent escape"};
    if (!acceptable(out.path)) return {400, "the path is not UTF-8 or has a NUL"};
    // It would come to mean another path than the one that a proxy before us has let through.
    if (std::count(out.path.begin(), out.path.end(), '/') != std::count(path.begin(), path.end(), '/'))
      return {400, "the path has a slash that is percent-encoded; no name here has one"};
  }
  return question < text.size() ? parse_query(text.substr(question + 1), out.query) : Refusal{};
}

}  // namespace operon::http
