#include "scenario_folder.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <set>

#include "open_beneath.hpp"
#include "operon/error.hpp"

namespace registry_dir {
namespace {

using operon::Code;
using operon::Error;
using operon::Fd;

constexpr std::string_view suffix = ".yaml";
/// File times move in steps of a few milliseconds: two writes within one step cannot be told apart by them.
constexpr int64_t settle_ns = 100'000'000;

int64_t ns_of(const timespec& t) {
  return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size && ns_of(a.st_mtim) == ns_of(b.st_mtim) &&
         ns_of(a.st_ctim) == ns_of(b.st_ctim);
}

std::string sha256(const std::string& bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> sum{};
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), sum.data(), &size, EVP_sha256(), nullptr) != 1)
    throw Error(Code::internal, "OpenSSL made no digest");
  std::string hex;
  for (unsigned i = 0; i < size; ++i) {
    hex += "0123456789abcdef"[sum[i] >> 4];
    hex += "0123456789abcdef"[sum[i] & 15];
  }
  return "sha256:" + hex;
}

std::string rfc3339(time_t seconds) {
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

/// The names that end in .yaml, hidden files left out. Names that no scenario may have are skipped by `look`.
std::set<std::string> names_in(int folder) {
  int copy = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);  // of its own: readdir moves the descriptor's position
  std::unique_ptr<DIR, int (*)(DIR*)> stream(copy < 0 ? nullptr : ::fdopendir(copy), &::closedir);
  if (!stream) {
    if (copy >= 0) ::close(copy);
    throw Error(Code::unavailable, "the scenario folder cannot be listed");
  }
  std::set<std::string> names;
  while (const dirent* entry = ::readdir(stream.get())) {
    std::string_view file = entry->d_name;
    if (file.starts_with('.') || !file.ends_with(suffix) || file.size() == suffix.size()) continue;
    if (names.size() == scenarios_max) {
      throw Error(Code::resource_exhausted,
                  "the scenario folder holds more than " + std::to_string(scenarios_max) + " scenarios (scenarios_max)");
    }
    names.emplace(file.substr(0, file.size() - suffix.size()));
  }
  return names;
}

}  // namespace

bool is_scenario_name(const std::string& name) {
  auto alphanumeric = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !name.empty() && name.size() <= 128 && alphanumeric(name[0]) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return alphanumeric(c) || c == '.' || c == '_' || c == '-'; });
}

ScenarioFolder::ScenarioFolder(std::string path, std::function<void(const std::string&, const std::string&)> report)
    : path_(std::move(path)), report_(std::move(report)) {}

std::vector<std::shared_ptr<const Entry>> ScenarioFolder::list() {
  std::lock_guard lock(mutex_);
  const Fd folder = open_folder(path_);
  const auto names = names_in(folder.get());
  std::erase_if(known_, [&](const auto& known) { return names.count(known.first) == 0; });
  std::vector<std::shared_ptr<const Entry>> entries;
  for (const auto& name : names) {
    if (const Known& known = look(folder.get(), name); known.entry) entries.push_back(known.entry);
  }
  return entries;
}

std::shared_ptr<const Entry> ScenarioFolder::find(const std::string& name) {
  const std::string shown = is_scenario_name(name) ? "'" + name + "'" : "of that name";
  if (!is_scenario_name(name)) throw Error(Code::not_found, "no scenario " + shown + " in " + path_).with_field("name");
  std::lock_guard lock(mutex_);
  const Fd folder = open_folder(path_);
  struct stat info {};
  if (::fstatat(folder.get(), (name + std::string(suffix)).c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    known_.erase(name);
    throw Error(Code::not_found, "no scenario " + shown + " in " + path_).with_field("name");
  }
  const Known& known = look(folder.get(), name);
  if (!known.entry) throw Error(Code::not_found, "scenario " + shown + " is skipped: " + known.fault).with_field("name");
  return known.entry;
}

const ScenarioFolder::Known& ScenarioFolder::look(int folder, const std::string& name) {
  auto found = known_.find(name);
  if (found != known_.end() && found->second.settled) {
    struct stat now {};
    // Links are followed here: what they lead to has been opened safely, and is compared whole.
    if (::fstatat(folder, (name + std::string(suffix)).c_str(), &now, 0) == 0 && same_file(now, found->second.info)) return found->second;
  }
  Known fresh = read(folder, name);
  bool told = found != known_.end() && found->second.fault == fresh.fault;
  if (!fresh.fault.empty() && !told) report_(path_ + "/" + name + std::string(suffix), fresh.fault);
  return known_[name] = std::move(fresh);
}

ScenarioFolder::Known ScenarioFolder::read(int folder, const std::string& name) {
  const std::string file = name + std::string(suffix);
  Known known;
  try {
    if (!is_scenario_name(name)) throw Error(Code::invalid_argument, "a scenario's name is letters, digits, '.', '_' and '-', at most 128");
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    const Fd opened = open_beneath(folder, file, known.info);
    int64_t changed = std::max(ns_of(known.info.st_mtim), ns_of(known.info.st_ctim));
    known.settled = ns_of(now) - changed > settle_ns;
    const std::string content = read_whole(opened.get(), scenario_bytes_max);
    auto entry = std::make_shared<Entry>();
    entry->name = name;
    entry->digest = sha256(content);
    entry->size = static_cast<int64_t>(content.size());
    entry->last_modified = rfc3339(known.info.st_mtim.tv_sec);
    entry->scenario = parse_scenario(content, path_ + "/" + file);
    known.entry = std::move(entry);
  } catch (const Error& e) {
    known.fault = e.what();
    const std::string where = path_ + "/" + file;
    if (known.fault.rfind(where, 0) != 0) known.fault = (is_scenario_name(name) ? where : "a file in " + path_) + ": " + known.fault;
  }
  return known;
}

}  // namespace registry_dir
