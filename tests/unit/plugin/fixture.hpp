/// tests/unit/plugin/fixture.hpp: plugin folders made on the spot, with manifests of the right digest.
#pragma once

#include <atomic>
#include <catch2/catch.hpp>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "core/base/ids.hpp"
#include "core/plugin/instances.hpp"

namespace operon::plugin::test {

namespace fs = std::filesystem;

inline fs::path library(const std::string& name) {
  const char* build = std::getenv("OPERON_BUILD_DIR");
  REQUIRE(build != nullptr);
  return fs::path(build) / "tests-plugins" / ("lib" + name + ".so");
}

inline std::string read(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write(const fs::path& file, const std::string& text) {
  std::ofstream(file, std::ios::binary) << text;
  fs::permissions(file, fs::perms(0644));
}

/// A folder that is gone after the test.
class Folder {
 public:
  Folder() : path_(fs::canonical(fs::temp_directory_path()) / ("operon-plugin-" + base::random_hex(6))) {
    fs::create_directory(path_);
    fs::permissions(path_, fs::perms(0700));
  }
  ~Folder() { fs::remove_all(path_); }
  const fs::path& path() const { return path_; }

  /// Copies a library of tests/plugins here as lib<id>.so and writes its manifest. Returns the library's path.
  fs::path add(const std::string& source, const nlohmann::json& members = {}, const std::string& as = {}) const {
    nlohmann::json m = {{"id", "misbehaving"},
                        {"version", "1.0.0"},
                        {"interfaces", {"test.misbehaving/1"}},
                        {"services", {"operon.host.executor/1", "test.host/1"}},
                        {"configurationSchema",
                         {{"type", "object"},
                          {"additionalProperties", false},
                          {"properties",
                           {{"reject", {{"type", "integer"}}},
                            {"hang", {{"type", "integer"}}},
                            {"number", {{"type", "integer"}, {"minimum", 0}}},
                            {"word", {{"type", "string"}, {"pattern", "^[a-z]+$"}}}}}}},
                        {"abi", {{"major", 1}, {"minMinor", 0}}}};
    if (!members.is_null()) m.update(members);
    fs::path file = path_ / (as.empty() ? "lib" + m["id"].get<std::string>() + ".so" : as);
    fs::copy_file(library(source), file);
    fs::permissions(file, fs::perms(0755));
    if (!m.contains("librarySha256")) m["librarySha256"] = base::sha256_hex(read(file));
    write(file.string() + ".manifest.json", m.dump());
    return file;
  }

 private:
  fs::path path_;
};

inline nlohmann::json throwing_manifest() {
  return {{"id", "throwing"}, {"interfaces", {"test.throwing/1"}}};
}

inline InstanceSpec spec(const std::string& name, const std::string& plugin = "misbehaving", const std::string& config = "{}") {
  return {.name = name, .plugin = plugin, .isolation = "inprocess", .required = false, .config_json = config, .where = "operon.yaml:7"};
}

/// One instance of `misbehaving`, ready to be asked.
struct Host {
  explicit Host(const std::string& source = "misbehaving", InstanceLimits limits = {}, const nlohmann::json& members = {})
      : instances({folder.path()}, limits) {
    folder.add(source, members);
    plugin = members.contains("id") ? members["id"].get<std::string>() : "misbehaving";
    interface_id = members.contains("interfaces") ? members["interfaces"][0].get<std::string>() : "test.misbehaving/1";
  }
  /// After services were added.
  Host& load() {
    instances.load({spec("one", plugin)});
    INFO(instances.info().at(0).reason);
    REQUIRE(instances.info().at(0).state == InstanceState::ready);
    one = instances.find("one");
    return *this;
  }
  VerbRef verb(const char* name) const {
    VerbRef found = one->find(interface_id, name);
    REQUIRE(found);
    return found;
  }
  std::string call(const char* name, const std::string& request = "{}", const CallContext& context = {}) const {
    return one->call(verb(name), request, context);
  }
  Error error(const char* name, const std::string& request = "{}", const CallContext& context = {}) const {
    try {
      std::string answer = call(name, request, context);
      FAIL(name << " answered " << answer);
    } catch (const Error& e) {
      return e;
    }
    std::abort();
  }
  InstanceInfo info() const { return instances.info().at(0); }

  Folder folder;
  Instances instances;
  std::string plugin, interface_id;
  std::shared_ptr<Instance> one;
};

/// Waits for a state that another thread brings about; false after ten seconds.
template <class Condition>
bool eventually(Condition condition) {
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

/// Collects a stream; full after `room` chunks until there is more room.
class Collector final : public CallObserver {
 public:
  explicit Collector(size_t room = SIZE_MAX) : room_(room) {}

  bool on_chunk(uint32_t, std::string_view data) noexcept override {
    if (inside_.exchange(true)) overlapped = true;
    std::unique_lock lock(mutex_);
    if (ended_) late = true;
    bool taken = room_ > 0;
    if (taken) {
      --room_;
      chunks_.emplace_back(data);
    }
    inside_ = false;
    changed_.notify_all();
    return taken;
  }
  void on_end(Outcome outcome) noexcept override {
    if (inside_) overlapped = true;
    std::lock_guard lock(mutex_);
    if (ended_) late = true;
    ended_ = std::move(outcome);
    changed_.notify_all();
  }

  void give_room(size_t n) {
    std::lock_guard lock(mutex_);
    room_ += n;
  }
  bool wait_chunks(size_t n) {
    return wait([&] { return chunks_.size() >= n; });
  }
  Outcome wait_end() {
    if (!wait([&] { return ended_.has_value(); })) throw std::runtime_error("the call did not end");  // also off the test's own thread
    std::lock_guard lock(mutex_);
    return *ended_;
  }
  bool ended() {
    std::lock_guard lock(mutex_);
    return ended_.has_value();
  }
  std::vector<std::string> chunks() {
    std::lock_guard lock(mutex_);
    return chunks_;
  }
  std::atomic<bool> overlapped{false}, late{false};

 private:
  template <class Condition>
  bool wait(Condition condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), condition);
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t room_;
  std::vector<std::string> chunks_;
  std::optional<Outcome> ended_;
  std::atomic<bool> inside_{false};
};

}  // namespace operon::plugin::test
