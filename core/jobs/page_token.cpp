#include "core/jobs/page_token.hpp"

#include <algorithm>
#include <charconv>

#include "core/base/text.hpp"

namespace operon::jobs {
namespace {

[[noreturn]] void bad_token() {
  throw Error(
      Error(Code::invalid_argument, "`continue` is not a token that this server gave: list again from the start").with_field("continue"));
}

}  // namespace

std::string make_token(const PageKey& key) {
  std::string text = base::base64_encode(std::to_string(key.created_unix_ms) + "." + key.id);
  text.erase(std::find(text.begin(), text.end(), '='), text.end());
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return text;
}

std::optional<PageKey> read_token(std::string_view token) {
  if (token.empty()) return std::nullopt;
  if (token.size() > 256) bad_token();
  std::string text(token);
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  text.append((4 - text.size() % 4) % 4, '=');
  const auto plain = base::base64_decode(text);
  if (!plain) bad_token();
  const size_t dot = plain->find('.');
  if (dot == std::string::npos) bad_token();
  PageKey key;
  const char* end = plain->data() + dot;
  const auto [stopped, error] = std::from_chars(plain->data(), end, key.created_unix_ms);
  key.id = plain->substr(dot + 1);
  const bool id_good = !key.id.empty() && key.id.size() <= 64 &&
                       std::all_of(key.id.begin(), key.id.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '-'; });
  if (error != std::errc() || stopped != end || key.created_unix_ms < 0 || !id_good) bad_token();
  return key;
}

}  // namespace operon::jobs
