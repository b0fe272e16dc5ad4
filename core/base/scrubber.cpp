#include "core/base/scrubber.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <cctype>
#include <utility>
#include <vector>

#include "core/base/secrets.hpp"
#include "core/base/text.hpp"

namespace operon::base {
namespace {

constexpr std::string_view redacted = "***REDACTED***";

/// Words that make the name of a value a secret's name, wherever they stand in it.
#define OPERON_SECRET_WORDS                                                                                                     \
  "password|passwd|passphrase|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|client-key-data|client-certificate-data|" \
  "certificate-authority-data|credential|dockerconfigjson|managed-clusters|authorization|cookie"

RE2::Options options() {
  RE2::Options o;
  o.set_encoding(RE2::Options::EncodingLatin1);  // bytes: what is not UTF-8 must be searched too
  o.set_case_sensitive(false);
  o.set_max_mem(1 << 20);
  o.set_log_errors(false);
  return o;
}

/// One pass finds where something may begin; the code below decides what it is and how far it goes.
const RE2& candidates() {
  static const auto* expression =
      new RE2("((?:(?:" OPERON_SECRET_WORDS
              ")[a-z0-9_.-]{0,40}|\\bauth)\\\\{0,8}[\"']?\\s{0,8}[:=]\\s{0,8})"  // 1: name and separator
              "|\\b((?:bearer|basic)\\s{1,8}[a-z0-9._~+/=-]{8,})"                // 2: credentials of a header
              "|(eyj[a-z0-9_-]{8,}\\.[a-z0-9_-]{4,}\\.[a-z0-9_-]*)"              // 3: JWT
              "|\\b((?:akia|asia|aroa|aida)[a-z0-9]{16}\\b|gh[pousr]_[a-z0-9]{30,}|xox[abprs]-[a-z0-9-]{10,})"  // 4: vendors' keys
              "|(-----begin [a-z0-9 ]{0,40}private key-----)"                                                   // 5: PEM
              "|(://[^\\s/:@]{0,256}:[^\\s/]{1,256}@)",                                                         // 6: user:password in a URL
              options());
  return *expression;
}

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// True when only white space, list dashes, quotes and the front of the name stand between the line's begin and `at`: a YAML line.
bool begins_line(std::string_view text, size_t at) {
  constexpr size_t look_back_max = 200;
  bool in_name = true;
  for (size_t i = at, steps = 0; i > 0 && steps < look_back_max; --i, ++steps) {
    char c = text[i - 1];
    if (c == '\n') return true;
    bool name = std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '-';
    if (in_name && name) continue;
    in_name = false;
    if (c != ' ' && c != '-' && c != '"' && c != '\'' && c != '\t') return false;
    if (i == 1) return true;
  }
  return in_name && at <= look_back_max && at > 0;
}

/// Where the value that begins at `at` ends. A quoted one ends at its quote, which may stand escaped inside an outer text.
std::pair<size_t, size_t> value_span(std::string_view text, size_t name_at, size_t at) {
  size_t slashes = 0;
  while (at + slashes < text.size() && text[at + slashes] == '\\') ++slashes;
  size_t quote_at = at + slashes;
  if (quote_at < text.size() && (text[quote_at] == '"' || text[quote_at] == '\'')) {
    char quote = text[quote_at];
    size_t run = 0;
    for (size_t i = quote_at + 1; i < text.size(); ++i) {
      if (text[i] == '\\') {
        ++run;
        continue;
      }
      if (text[i] == quote && run == slashes) return {quote_at + 1, i - slashes};
      run = 0;
    }
    return {quote_at + 1, text.size()};
  }
  size_t end = at;
  bool yaml_line = at > 1 && text[at - 1] == ' ' && text.substr(0, at).find_last_not_of(' ') != std::string_view::npos &&
                   text[text.substr(0, at).find_last_not_of(' ')] == ':' && begins_line(text, name_at);
  if (yaml_line) {
    end = std::min(text.find('\n', at), text.size());
    return {at, end};
  }
  constexpr std::string_view stops = ",;&\"'}])\\";
  while (end < text.size() && !is_space(text[end]) && stops.find(text[end]) == std::string_view::npos) ++end;
  // "Authorization: Bearer x", "authorization=Basic x": the scheme is not the secret.
  std::string_view word = text.substr(at, end - at);
  auto is = [&](std::string_view scheme) {
    return std::equal(word.begin(), word.end(), scheme.begin(), scheme.end(),
                      [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; });
  };
  if (is("bearer") || is("basic") || is("digest") || is("negotiate")) {
    while (end < text.size() && text[end] == ' ') ++end;
    while (end < text.size() && !is_space(text[end]) && stops.find(text[end]) == std::string_view::npos) ++end;
  }
  return {at, end};
}

/// Words that say nothing about a secret: leaving them keeps messages and JSON readable.
bool harmless(std::string_view value) {
  return value.empty() || value == "true" || value == "false" || value == "null" || value == "{" || value == "[" || value == "|" ||
         value == ">" || value == redacted;
}

/// "basic authentication" is prose; a credential has a digit, a capital or padding in it.
bool looks_random(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return c == '=' || std::isdigit(static_cast<unsigned char>(c)) || std::isupper(static_cast<unsigned char>(c));
  });
}

struct Span {
  size_t begin, end;
};

/// What to hide for one candidate: [begin, end), empty when it is none.
Span judge(std::string_view text, const re2::StringPiece* groups) {
  auto at = [&](int group) { return static_cast<size_t>(groups[group].data() - text.data()); };
  auto end = [&](int group) { return at(group) + groups[group].size(); };
  if (groups[1].data()) {
    auto [from, to] = value_span(text, at(1), end(1));
    if (harmless(text.substr(from, to - from))) return {end(1), end(1)};
    return {from, to};
  }
  if (groups[2].data()) {
    size_t word = text.find_first_of(" \t\r\n", at(2));
    size_t from = text.find_first_not_of(" \t\r\n", word);
    return looks_random(text.substr(from, end(2) - from)) ? Span{from, end(2)} : Span{end(2), end(2)};
  }
  if (groups[3].data()) return {at(3), end(3)};
  if (groups[4].data()) return {at(4), end(4)};
  if (groups[5].data()) {
    size_t close = text.find("-----END", end(5));
    if (close == std::string_view::npos) return {end(5), text.size()};
    return {end(5), close};
  }
  size_t colon = text.find(':', at(6) + 3);
  return {colon + 1, end(6) - 1};
}

}  // namespace

bool is_secret_name(std::string_view name) {
  static const auto* words = new RE2("(?:" OPERON_SECRET_WORDS ")|^auth$", options());
  return RE2::PartialMatch(re2::StringPiece(name.data(), name.size()), *words);
}

std::string scrub(std::string_view original) {
  const std::string text = detail::replace_known_secrets(original, redacted);
  const RE2& expression = candidates();
  constexpr int groups_count = 7;
  re2::StringPiece groups[groups_count];
  std::string out;
  size_t copied = 0, from = 0;
  while (from <= text.size() && expression.Match(text, from, text.size(), RE2::UNANCHORED, groups, groups_count)) {
    Span hide = judge(text, groups);
    size_t match_end = static_cast<size_t>(groups[0].data() - text.data()) + groups[0].size();
    if (hide.end > hide.begin) {
      out.append(text, copied, hide.begin - copied).append(redacted);
      copied = hide.end;
    }
    from = std::max(hide.end, match_end == from ? from + 1 : std::min(match_end, std::max(hide.end, hide.begin)));
  }
  if (copied == 0) return text;
  return out.append(text, copied);
}

KnownSecret::KnownSecret(std::string value) {
  if (detail::remember_secret(value)) value_ = std::move(value);
}

KnownSecret::KnownSecret(KnownSecret&& other) noexcept : value_(std::exchange(other.value_, {})) {}

KnownSecret& KnownSecret::operator=(KnownSecret&& other) noexcept {
  if (this != &other) {
    if (!value_.empty()) detail::forget_secret(value_);
    value_ = std::exchange(other.value_, {});
  }
  return *this;
}

KnownSecret::~KnownSecret() {
  if (!value_.empty()) detail::forget_secret(value_);
}

}  // namespace operon::base
