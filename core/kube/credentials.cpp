#include "core/kube/credentials.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <mutex>
#include <optional>
#include <vector>

#include "core/base/files.hpp"
#include "core/kube/exec_plugin.hpp"
#include "core/kube/key_pair.hpp"
#include "core/log/log.hpp"
#include "operon/error.hpp"

namespace operon::kube {
namespace {

namespace fs = std::filesystem;
constexpr size_t file_bytes_max = 1u << 20;

/// Whether a file is another one than before: rotation replaces files, or what a link leads to.
struct Stamp {
  int64_t modified_ns = 0;
  uint64_t inode = 0;
  int64_t bytes = -1;
  bool operator==(const Stamp&) const = default;
};

Stamp stamp_of(const fs::path& file) {
  struct stat info {};
  if (file.empty() || stat(file.c_str(), &info) != 0) return {};
  return {info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec, info.st_ino, info.st_size};
}

std::string read_or(const fs::path& file, const std::string& value) {
  return file.empty() ? value : base::read_file(file, file_bytes_max);
}

std::string bearer(std::string token) {
  token.erase(token.find_last_not_of(" \t\r\n") + 1);
  if (token.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
    throw Error(Code::unauthenticated, "the token has a line break or NUL in it");
  }
  return token.empty() ? "" : "Bearer " + token;
}

}  // namespace

struct Credentials::State {
  State(ClusterConfig c, base::Clock& k) : config(std::move(c)), clock(k) {}

  std::vector<Stamp> stamps() const {
    return {stamp_of(config.token_file), stamp_of(config.ca_file), stamp_of(config.client_certificate_file),
            stamp_of(config.client_key_file)};
  }

  /// What files and values say, with an exec plugin's answer on top. With the lock held.
  void read() {
    auto fresh = std::make_shared<Identity>();
    const auto seen = stamps();
    fresh->ca_pem = read_or(config.ca_file, config.ca_pem);
    fresh->certificate_pem = read_or(config.client_certificate_file, config.client_certificate_pem);
    fresh->key_pem = read_or(config.client_key_file, config.client_key_pem);
    // Shown to a server, half a pair would fail every request until the next look.
    if (!config.client_certificate_file.empty() || !config.client_key_file.empty()) check_key_pair(fresh->certificate_pem, fresh->key_pem);
    fresh->authorization = bearer(read_or(config.token_file, config.token));
    if (from_program) {
      if (!from_program->token.empty()) fresh->authorization = bearer(from_program->token);
      if (!from_program->certificate_pem.empty()) {
        fresh->certificate_pem = from_program->certificate_pem;
        fresh->key_pem = from_program->key_pem;
      }
    }
    const bool same_connection = identity && identity->ca_pem == fresh->ca_pem && identity->certificate_pem == fresh->certificate_pem &&
                                 identity->key_pem == fresh->key_pem;
    fresh->generation = identity ? identity->generation + (same_connection ? 0 : 1) : 0;
    identity = std::move(fresh);
    read_stamps = seen;
  }

  bool program_due() const {
    if (!config.exec) return false;
    if (!from_program) return true;
    if (from_program->expires_unix_ms == 0) return false;
    // Of a credential that lives shortly, half its life.
    const int64_t life = from_program->expires_unix_ms - asked_unix_ms;
    return clock.unix_ms() >= from_program->expires_unix_ms - std::min(expiry_margin_ms, life / 2);
  }

  const ClusterConfig config;
  base::Clock& clock;
  std::mutex running;  // one plugin at a time; taken before `mutex`
  std::mutex mutex;    // of what follows
  std::shared_ptr<const Identity> identity;
  std::vector<Stamp> read_stamps;
  std::optional<ExecCredential> from_program;
  int64_t asked_unix_ms = 0;
  int64_t looked_unix_ms = 0;
  bool complained = false;
};

Credentials::Credentials(ClusterConfig config, base::Clock& clock) : state_(std::make_unique<State>(std::move(config), clock)) {
  state_->read();
  state_->looked_unix_ms = clock.unix_ms();
}

Credentials::~Credentials() = default;

std::shared_ptr<const Identity> Credentials::current() {
  State& self = *state_;
  std::lock_guard lock(self.mutex);
  if (self.program_due()) return nullptr;
  const int64_t now = self.clock.unix_ms();
  if (now - self.looked_unix_ms < look_again_ms) return self.identity;
  self.looked_unix_ms = now;
  if (self.stamps() == self.read_stamps) return self.identity;
  try {
    self.read();
    self.complained = false;
  } catch (const Error& e) {
    // In the middle of a rotation, or for good: the old ones may still do, and the server says so if not.
    if (!self.complained) log::warn("credentials cannot be read again; the ones from before are used", {{"error", e.what()}});
    self.complained = true;
  }
  return self.identity;
}

std::shared_ptr<const Identity> Credentials::refresh() {
  State& self = *state_;
  std::lock_guard one(self.running);
  if (auto now = current()) return now;
  auto answer = run_exec_plugin(*self.config.exec, self.config);
  std::lock_guard lock(self.mutex);
  self.asked_unix_ms = self.clock.unix_ms();
  if (answer.expires_unix_ms != 0 && answer.expires_unix_ms <= self.asked_unix_ms) {
    throw Error(Code::unauthenticated, "credential program " + self.config.exec->command + ": answers credentials that have expired");
  }
  self.from_program = std::move(answer);
  self.read();
  return self.identity;
}

void Credentials::refused(const std::shared_ptr<const Identity>& shown) {
  State& self = *state_;
  std::lock_guard lock(self.mutex);
  if (shown != self.identity) return;
  self.looked_unix_ms = 0;
  // Not at once again: a server that refuses everything would have us start programs without end.
  if (self.from_program && self.clock.unix_ms() - self.asked_unix_ms >= look_again_ms) self.from_program.reset();
}

}  // namespace operon::kube
