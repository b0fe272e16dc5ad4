#include "core/config/token_file.hpp"

#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "core/base/files.hpp"
#include "core/base/ids.hpp"
#include "core/base/text.hpp"
#include "operon/error.hpp"

namespace operon::config {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

bool same(const std::string& a, const std::string& b) {
  unsigned char difference = a.size() == b.size() ? 0 : 1;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) difference |= static_cast<unsigned char>(a[i] ^ b[i]);
  return difference == 0;
}

TokenEntry parse_line(std::string_view line, const std::string& where) {
  const auto fail = [&](const std::string& what) { throw Error(Code::invalid_argument, where + ": " + what); };
  const auto first = line.find(',');
  const auto second = first == std::string_view::npos ? first : line.find(',', first + 1);
  if (second == std::string_view::npos || line.find(',', second + 1) != std::string_view::npos) fail("a line is token,user,role");
  const auto token = trimmed(line.substr(0, first));
  const auto user = trimmed(line.substr(first + 1, second - first - 1));
  const auto role = trimmed(line.substr(second + 1));
  if (token.size() < token_chars_min) {
    fail("the token has fewer than " + std::to_string(token_chars_min) + " characters; make one with: openssl rand -hex 24");
  }
  if (token.find_first_of(" \t") != std::string_view::npos) fail("a token has no spaces");
  if (user.empty() || user.size() > 128 || base::printable(user) != user) fail("the user's name must be 1 to 128 printable characters");
  TokenEntry entry;
  entry.sha256 = base::sha256_hex(token);
  entry.user = user;
  if (role == "view") {
    entry.role = TokenRole::view;
  } else if (role == "run") {
    entry.role = TokenRole::run;
  } else if (role == "admin") {
    entry.role = TokenRole::admin;
  } else {
    fail("the role must be view, run or admin, not \"" + base::printable(role, 32) + "\"");
  }
  return entry;
}

std::vector<gid_t> own_groups() {
  std::vector<gid_t> groups(static_cast<size_t>(std::max(0, getgroups(0, nullptr))));
  groups.resize(static_cast<size_t>(std::max(0, getgroups(static_cast<int>(groups.size()), groups.data()))));
  groups.push_back(getegid());
  return groups;
}

}  // namespace

bool kept_private(mode_t mode, gid_t group, const std::vector<gid_t>& own_groups) {
  if ((mode & (S_IWGRP | S_IRWXO)) != 0) return false;
  return (mode & S_IRWXG) == 0 || std::find(own_groups.begin(), own_groups.end(), group) != own_groups.end();
}

TokenFile TokenFile::read(const std::filesystem::path& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) == 0 && !kept_private(status.st_mode, status.st_gid, own_groups())) {
    throw Error(Code::permission_denied, "the token file " + path.string() +
                                             " may be read or written by others than its owner; run: chmod 600 " + path.string() +
                                             " (a mounted Secret: defaultMode: 0400)");
  }
  return parse(base::read_file(path, token_file_bytes_max), path.string());
}

TokenFile TokenFile::parse(std::string_view text, const std::string& name) {
  TokenFile file;
  size_t number = 0;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.empty() || line.front() == '#') continue;
    const auto where = name + ", line " + std::to_string(number);  // "tokens:1" would look like a secret to the scrubber
    auto entry = parse_line(line, where);
    for (const auto& other : file.entries_) {
      if (other.sha256 == entry.sha256) throw Error(Code::invalid_argument, where + ": the same token again; it belongs to " + other.user);
    }
    file.entries_.push_back(std::move(entry));
  }
  if (file.entries_.empty()) throw Error(Code::invalid_argument, "no token in " + name + "; a line is token,user,role");
  return file;
}

const TokenEntry* TokenFile::find(std::string_view token) const {
  const auto digest = base::sha256_hex(token);
  const TokenEntry* found = nullptr;
  for (const auto& entry : entries_) {
    if (same(entry.sha256, digest)) found = &entry;
  }
  return found;
}

std::string_view bearer_token(std::string_view header) {
  header = trimmed(header);
  constexpr std::string_view scheme = "bearer ";
  if (header.size() <= scheme.size() || strncasecmp(header.data(), scheme.data(), scheme.size()) != 0) return {};
  return trimmed(header.substr(scheme.size()));
}

}  // namespace operon::config
