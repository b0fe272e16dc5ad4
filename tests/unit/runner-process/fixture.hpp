/// fixture.hpp: the plugin's library in a testing host, with a state folder of its own.
#pragma once

#include <signal.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <thread>

#include "operon/kinds/job_runner_json.hpp"
#include "operon/testing/host.hpp"

namespace runner_process_test {

using namespace operon::kinds::job_runner;
using nlohmann::json;
using operon::Code;
namespace fs = std::filesystem;

inline std::string build_dir() {
  return std::getenv("OPERON_BUILD_DIR");
}
inline std::string library() {
  return build_dir() + "/plugins/librunner-process.so";
}
inline std::string supervisor() {
  return build_dir() + "/bin/operon-supervisor";
}

/// For what only shows outside of this process; true as soon as it holds.
inline bool eventually(const std::function<bool()>& holds, std::chrono::seconds limit = std::chrono::seconds(20)) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

inline std::string content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class TempFolder {
 public:
  TempFolder() {
    auto name = (fs::temp_directory_path() / "operon-runner-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = name;
  }
  ~TempFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

/// A request that runs `argv` for the target without a kubeconfig.
inline StartRequest request(const std::string& job, const std::vector<std::string>& argv, json more = json::object()) {
  StartRequest r;
  r.job_id = job;
  r.object_name = "krkn-job-" + job;
  r.target = {"t-1", "target-file", "localhost", "", std::nullopt};
  r.scenario_name = "try";
  r.scenario_image = "dir://try";
  more["argv"] = argv;
  r.scenario_run = more.dump();
  r.variables_known = true;
  r.kubeconfig_path = "/home/krkn/.kube/config";
  return r;
}

/// `$$` in an argument means `$`, so the shell's own `$$` is written twice.
inline StartRequest shell(const std::string& job, const std::string& script, const json& more = json::object()) {
  std::string escaped;
  for (size_t i = 0; i < script.size(); ++i) escaped += script.compare(i, 2, "$$") == 0 ? (++i, "$$$$") : script.substr(i, 1);
  return request(job, {"sh", "-c", escaped}, more);
}

class Runner {
 public:
  explicit Runner(const json& configuration = json::object()) { restart(configuration); }
  ~Runner() {
    // Nothing of a test outlives it, also when it failed half-way.
    for (const auto& state : call("list", json::object()).items_as<RunState>()) {
      if (!terminal(state.phase)) call("stop", StopRequest{state.job_id, {}, 0});
    }
  }

  /// As if the host had ended and come again.
  void restart(json configuration = json::object()) {
    host_.reset();
    host_ = operon::testing::Host::load(library());
    configuration["stateDir"] = state();
    if (!configuration.contains("supervisor")) configuration["supervisor"] = supervisor();
    host_->configure(configuration);
  }
  operon::testing::Result call(const std::string& verb, const json& r, operon::testing::Options options = {}) {
    return host_->call(id, verb, r, std::move(options));
  }
  RunState start(const StartRequest& r, operon::testing::Options options = {}) {
    return call("start", r, std::move(options)).as<RunState>();
  }
  RunState inspect(const std::string& job) { return call("inspect", RunRequest{job, {}}).as<RunState>(); }
  RunState stop(const std::string& job, int64_t grace_seconds = 5) {
    return call("stop", StopRequest{job, {}, grace_seconds}).as<RunState>();
  }
  operon::testing::Result logs(const std::string& job, bool follow = false, uint64_t offset = 0) {
    return call("logs", LogsRequest{job, {}, offset, follow});
  }
  std::string log(const std::string& job) { return logs(job).bytes(); }
  RunState wait(const std::string& job) {
    REQUIRE(eventually([&] { return terminal(inspect(job).phase); }, std::chrono::seconds(60)));
    return inspect(job);
  }
  RunState run(const StartRequest& r, operon::testing::Options options = {}) {
    start(r, std::move(options));
    return wait(r.job_id);
  }
  operon::testing::Host& host() { return *host_; }
  std::string state() const { return (folder_.path() / "state").string(); }
  fs::path run_folder(const std::string& job) const { return fs::path(state()) / "runs" / job; }
  const fs::path& scratch() const { return folder_.path(); }

 private:
  TempFolder folder_;
  std::unique_ptr<operon::testing::Host> host_;
};

/// True when a process of this number is there and no zombie.
inline bool alive(pid_t pid) {
  const auto stat = content("/proc/" + std::to_string(pid) + "/stat");
  const auto at = stat.rfind(')');
  return at != std::string::npos && stat.substr(at + 2, 1) != "Z";
}

inline pid_t pid_in(const fs::path& file) {
  REQUIRE(eventually([&] { return content(file).find('\n') != std::string::npos; }));
  return static_cast<pid_t>(std::stol(content(file)));
}

/// The number behind a key of a run's status file.
inline pid_t status_number(const fs::path& folder, const std::string& key) {
  const auto text = content(folder / "status");
  const auto at = text.find(key + " ");
  REQUIRE(at != std::string::npos);
  return static_cast<pid_t>(std::stol(text.substr(text.find('\n', at) + 1)));
}

}  // namespace runner_process_test
