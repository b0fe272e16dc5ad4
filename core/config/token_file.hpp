/// core/config/token_file.hpp: who may call, as lines of token,user,role.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace operon::config {

inline constexpr size_t token_chars_min = 16;
inline constexpr size_t token_file_bytes_max = 1 << 20;

enum class TokenRole { view, run, admin };

struct TokenEntry {
  std::string sha256;  ///< of the token, lower-case hex; the token itself is not kept
  std::string user;
  TokenRole role = TokenRole::view;
};

/// Immutable once made, so that readers need no lock.
class TokenFile {
 public:
  /// Empty lines and lines beginning with # are skipped. Throws Error(invalid_argument) naming file and line, never the token: not three
  /// parts, a token under 16 characters, an unknown role, a token given twice, no token at all; permission_denied when the
  /// file is not kept_private from all but this process.
  static TokenFile read(const std::filesystem::path&);
  static TokenFile parse(std::string_view text, const std::string& name);

  /// Null when nobody has that token. Takes the same time whichever entry it is, and however much of it is right.
  const TokenEntry* find(std::string_view token) const;
  size_t size() const { return entries_.size(); }

 private:
  std::vector<TokenEntry> entries_;
};

/// Whether a file of this mode and group is its owner's alone. A group of the process may read it, too: fsGroup makes a mounted Secret 0440
/// root:GROUP.
bool kept_private(mode_t mode, gid_t group, const std::vector<gid_t>& own_groups);

/// The token of "Bearer TOKEN" (the word in any case); empty when it is not of that form.
std::string_view bearer_token(std::string_view authorization_header);

}  // namespace operon::config
