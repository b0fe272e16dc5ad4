/// tests/unit/jobs/fake_runner.hpp: a runner in this process. With a folder it remembers its runs there, as a real one does when the host
/// is killed.
#pragma once

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/jobs/runners.hpp"
#include "core/plugin/instance.hpp"
#include "operon/kinds/job_runner.hpp"

namespace operon::jobs::testing {

using kinds::job_runner::Phase;

struct FakeRun {
  Phase phase = Phase::running;
  std::string log, message;
  std::optional<int> exit_code;
  int starts = 0, stops = 0;
  bool destroyed = false;
};

class FakeRunner final : public plugin::Instance {
 public:
  explicit FakeRunner(std::string name = "fake", std::filesystem::path dir = {});
  ~FakeRunner() override;

  const std::string& name() const noexcept override { return name_; }
  const plugin::Manifest& manifest() const noexcept override { return manifest_; }
  plugin::InstanceState state() const noexcept override { return plugin::InstanceState::ready; }
  bool offers(std::string_view) const noexcept override { return true; }
  plugin::VerbRef find(std::string_view interface_id, std::string_view verb) const noexcept override;
  std::string call(plugin::VerbRef, std::string_view request, const plugin::CallContext&,
                   const std::function<void(uint32_t, std::string_view)>&) override;
  Code call_no_block(plugin::VerbRef, std::string_view, std::string&) noexcept override { return Code::unimplemented; }
  plugin::CallHandle start(plugin::VerbRef, std::string request, const plugin::CallContext&,
                           std::shared_ptr<plugin::CallObserver>) override;

  void set(const std::string& id, Phase, std::optional<int> exit_code = {}, std::string message = {});
  void lose(const std::string& id);
  FakeRun run(const std::string& id) const;
  int starts() const;
  /// More of its log, to every reader; what a reader does not take stays for it.
  void write(const std::string& id, std::string_view bytes);
  void event(const std::string& id, std::string_view json);
  /// Ends every `logs` call of this run.
  void end_logs(const std::string& id, Code code = Code::ok);
  void retry(const std::string& id);
  int log_calls(const std::string& id) const;
  uint64_t last_log_offset(const std::string& id) const;

  std::function<void(const std::string& verb, const std::string& id)> before;  ///< may throw Error: that is the call's answer
  std::atomic<bool> stops_answer{true};
  void answer_stops();

 private:
  struct Reader {
    std::shared_ptr<plugin::CallObserver> observer;
    uint64_t offset = 0;
  };
  std::string answer(const std::string& verb, std::string_view request);
  std::string state_json(const std::string& id, const FakeRun&) const;
  void keep(const std::string& id) const;
  void pump(Reader&, const std::string& log);

  const std::string name_;
  const std::filesystem::path dir_;
  const plugin::Manifest manifest_;
  mutable std::recursive_mutex mutex_;
  std::map<std::string, FakeRun> runs_;
  std::map<std::string, std::vector<Reader>> readers_;
  std::map<std::string, int> log_calls_;
  std::map<std::string, uint64_t> last_offset_;
  std::vector<std::function<void()>> held_stops_;
  std::set<std::string> cancelled_;
  bool pumping_ = false;
};

struct FakeRunners final : Runners {
  std::map<std::string, std::shared_ptr<plugin::Instance>, std::less<>> all;
  mutable std::mutex mutex;
  std::shared_ptr<plugin::Instance> find(std::string_view name) const override {
    std::lock_guard lock(mutex);
    const auto found = all.find(name);
    return found == all.end() ? nullptr : found->second;
  }
  void add(std::shared_ptr<plugin::Instance> instance) {
    std::lock_guard lock(mutex);
    all[instance->name()] = std::move(instance);
  }
};

/// A folder that goes with the test.
struct TemporaryFolder {
  std::filesystem::path path;
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "operon-jobs-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~TemporaryFolder() {
    std::error_code error;
    std::filesystem::remove_all(path, error);
  }
};

/// Other threads decide when; this asks until they have, within half a minute.
template <class F>
bool eventually(F&& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace operon::jobs::testing
