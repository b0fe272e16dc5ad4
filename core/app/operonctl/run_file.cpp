#include <algorithm>
#include <charconv>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>

#include "core/app/operonctl/run_options.hpp"
#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "operon/error.hpp"
#include "operon/yaml/yaml.hpp"

namespace operon::ctl {
namespace {

using nlohmann::json;

constexpr size_t run_file_bytes_max = 1u << 20;

/// The file's members, each taken by its key; what nobody takes is an error.
class RunFile {
 public:
  RunFile(const std::string& path, RunOptions& options)
      : options_(options),
        folder_(std::filesystem::path(path).parent_path()),
        // As text: a value is passed on as it was written, "0x10" and "1_000" too.
        document_(yaml::load(base::read_file(path, run_file_bytes_max), path, {}, yaml::Scalars::text)) {}

  void read() {
    if (!document_.value.is_object()) fail("", "must be a map with the keys " + known());
    for (const auto& [key, value] : document_.value.items()) {
      const auto reader = readers_.find(key);
      if (reader == readers_.end()) unknown(key);
      if (!value.is_null()) (this->*reader->second)(key, value);
    }
    settle_registry();
    take(options_.scenario, "scenario");
    take(options_.provider, "provider");
    take(options_.target_id, "targetId");
    take(options_.runner, "runner");
    take(options_.digest, "digest");
    take(options_.idempotency_key, "idempotencyKey");
    options_.file_folder = folder_.string();
  }

 private:
  using Reader = void (RunFile::*)(const std::string& key, const json& value);

  [[noreturn]] void fail(const std::string& pointer, const std::string& what) const {
    throw Error{Code::invalid_argument, document_.where(pointer) + ": " + what};
  }

  std::string known() const {
    std::string keys;
    for (const auto& [key, reader] : readers_) keys += (keys.empty() ? "" : ", ") + key;
    return keys;
  }

  [[noreturn]] void unknown(const std::string& key) const {
    std::vector<std::string> keys;
    for (const auto& [name, reader] : readers_) keys.push_back(name);
    const auto near = base::nearest(key, keys);
    fail(yaml::pointer_step(key), "unknown key '" + base::printable(key) + "'" +
                                      (near.empty() ? "; known are " + known() : "; did you mean '" + near.front() + "'?"));
  }

  const std::string& text_at(const std::string& pointer, const std::string& name, const json& value) const {
    if (!value.is_string()) fail(pointer, "'" + name + "' must be text");
    return value.get_ref<const std::string&>();
  }

  void text(const std::string& key, const json& value) { texts_[key] = text_at(yaml::pointer_step(key), key, value); }

  void path(const std::string& key, const json& value) {
    text(key, value);
    texts_[key] = from_folder(texts_[key]);
  }

  std::string from_folder(const std::string& path) const { return path.empty() || path.front() == '/' ? path : (folder_ / path).string(); }

  void flag(const std::string& key, const json& value) {
    const std::string& word = text_at(yaml::pointer_step(key), key, value);
    if (word != "true" && word != "false") fail(yaml::pointer_step(key), "'" + key + "' must be true or false");
    flags_[key] = word == "true";
  }

  void seconds(const std::string& key, const json& value) {
    const std::string& digits = text_at(yaml::pointer_step(key), key, value);
    int64_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc() || end != digits.data() + digits.size() || number < 1)
      fail(yaml::pointer_step(key), "'" + key + "' must be a whole number from 1 up");
    if (options_.timeout_seconds == 0) options_.timeout_seconds = number;
  }

  void one_cluster(const std::string& key, const json& value) { clusters_of(key, {text_at(yaml::pointer_step(key), key, value)}); }

  void clusters(const std::string& key, const json& value) {
    std::vector<std::string> names;
    if (!value.is_array() || value.empty()) fail(yaml::pointer_step(key), "'clusters' must be a list of names");
    for (size_t i = 0; i < value.size(); ++i)
      names.push_back(text_at(yaml::pointer_step(key) + "/" + std::to_string(i), "clusters", value[i]));
    clusters_of(key, std::move(names));
  }

  void clusters_of(const std::string& key, std::vector<std::string> names) {
    if (clusters_given_) fail(yaml::pointer_step(key), "give 'cluster' or 'clusters', not both");
    clusters_given_ = true;
    if (options_.clusters.empty()) options_.clusters = std::move(names);
  }

  void values(const std::string& key, const json& value) {
    if (!value.is_object()) fail(yaml::pointer_step(key), "'values' must be a map of values by variable");
    for (const auto& [variable, given] : value.items()) {
      if (given.is_null()) continue;  // as if the line were not there
      options_.file_values[variable] = text_at(yaml::pointer_step(key) + yaml::pointer_step(variable), "values." + variable, given);
    }
  }

  void files(const std::string& key, const json& value) {
    if (!value.is_array()) fail(yaml::pointer_step(key), "'files' must be a list of maps with the keys path and mountPath");
    for (size_t i = 0; i < value.size(); ++i) {
      const std::string at = yaml::pointer_step(key) + "/" + std::to_string(i);
      std::string local, mount;
      if (!value[i].is_object()) fail(at, "each of 'files' must be a map with the keys path and mountPath");
      for (const auto& [name, member] : value[i].items()) {
        if (name != "path" && name != "mountPath")
          fail(at + yaml::pointer_step(name), "unknown key '" + base::printable(name) + "'; known are path, mountPath");
        (name == "path" ? local : mount) = text_at(at + yaml::pointer_step(name), "files." + name, member);
      }
      if (local.empty() || mount.empty() || mount.front() != '/')
        fail(at, "each of 'files' needs a path, and a mountPath that begins with /");
      const bool taken = std::any_of(options_.files.begin(), options_.files.end(), [&](const auto& file) { return file.second == mount; });
      if (!taken) options_.files.emplace_back(from_folder(local), mount);
    }
  }

  /// What the command line left empty.
  void take(std::string& into, const char* key) {
    if (into.empty()) into = texts_[key];
  }

  /// A registry that the command line names replaces the file's with all that belongs to it: the file's credentials go to no other.
  void settle_registry() {
    RegistryChoice& r = options_.registry;
    if (r.is_private() || !r.instance.empty()) return;
    const bool other_user = !r.username.empty();
    const bool other_login = other_user || !r.password_file.empty() || !r.token_file.empty();
    take(r.instance, "registry");
    take(r.url, "registryUrl");
    take(r.repository, "scenarioRepository");
    take(r.username, "username");
    if (!other_login) {
      take(r.password_file, "passwordFile");
      take(r.token_file, "registryTokenFile");
    }
    r.insecure = r.insecure || flags_["insecure"];
    r.skip_tls = r.skip_tls || flags_["skipTls"];
  }

  RunOptions& options_;
  const std::filesystem::path folder_;
  const yaml::Document document_;
  std::map<std::string, std::string> texts_;
  std::map<std::string, bool> flags_;
  bool clusters_given_ = false;
  const std::map<std::string, Reader> readers_ = {{"cluster", &RunFile::one_cluster},
                                                  {"clusters", &RunFile::clusters},
                                                  {"digest", &RunFile::text},
                                                  {"files", &RunFile::files},
                                                  {"idempotencyKey", &RunFile::text},
                                                  {"insecure", &RunFile::flag},
                                                  {"passwordFile", &RunFile::path},
                                                  {"provider", &RunFile::text},
                                                  {"registry", &RunFile::text},
                                                  {"registryTokenFile", &RunFile::path},
                                                  {"registryUrl", &RunFile::text},
                                                  {"runner", &RunFile::text},
                                                  {"scenario", &RunFile::text},
                                                  {"scenarioRepository", &RunFile::text},
                                                  {"skipTls", &RunFile::flag},
                                                  {"targetId", &RunFile::text},
                                                  {"timeoutSeconds", &RunFile::seconds},
                                                  {"username", &RunFile::text},
                                                  {"values", &RunFile::values}};
};

}  // namespace

void add_run_file(RunOptions& options) {
  if (!options.from_file.empty()) RunFile(options.from_file, options).read();
}

}  // namespace operon::ctl
