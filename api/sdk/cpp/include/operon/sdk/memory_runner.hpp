/// operon/sdk/memory_runner.hpp: base class of job runners whose runs live in the host's own process: all verbs but the work itself.
///
///     class Countdown : public operon::sdk::MemoryRunner {
///       void begin(const Run& run) override { run.log("hello\n"); run.end(Phase::succeeded, 0); }
///     };
///
/// Such runs end with the host. A runner whose runs outlive it derives from JobRunner and finds them again in `recover` and `list`.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "operon/sdk/job_runner.hpp"
#include "operon/sdk/memory_log.hpp"

namespace operon::sdk {

class MemoryRunner : public JobRunner {
  struct Entry {
    mutable std::mutex mutex;
    const StartRequest request;
    const Host host;
    RunState state;  ///< guarded by mutex
    const std::shared_ptr<MemoryLog> log = std::make_shared<MemoryLog>();

    Entry(StartRequest asked, Host h) : request(std::move(asked)), host(std::move(h)) {
      state.job_id = request.job_id;
      state.phase = Phase::running;
      state.start_unix_ms = detail::unix_ms_now();
    }
    RunState now() const {
      const std::lock_guard lock(mutex);
      return state;
    }
    /// False when it had ended before.
    bool end(Phase phase, int exit_code, std::string message) {
      {
        const std::lock_guard lock(mutex);
        if (kinds::job_runner::terminal(state.phase)) return false;
        state.phase = phase;
        state.exit_code = exit_code;
        state.message = std::move(message);
        state.end_unix_ms = detail::unix_ms_now();
      }
      log->close();
      host.notify(kinds::job_runner::notify_kind, request.job_id);
      return true;
    }
  };

 public:
  /// One run. Thread-safe; copies are the same run, and may be kept as long as the work goes on.
  class Run {
   public:
    explicit Run(std::shared_ptr<Entry> entry) noexcept : entry_(std::move(entry)) {}
    const StartRequest& request() const noexcept { return entry_->request; }
    void log(std::string_view bytes) const { entry_->log->append(bytes); }
    /// The first end counts: a run that was stopped stays stopped.
    void end(Phase phase, int exit_code, std::string message = {}) const { entry_->end(phase, exit_code, std::move(message)); }
    bool ended() const { return kinds::job_runner::terminal(entry_->now().phase); }

   private:
    std::shared_ptr<Entry> entry_;
  };

  RunState start(Call&, const StartRequest& request) override {
    const auto entry = std::make_shared<Entry>(request, host());
    {
      const std::lock_guard lock(mutex_);
      const auto [it, is_new] = runs_.try_emplace(request.job_id, entry);
      if (!is_new) return it->second->now();
    }
    try {
      begin(Run(entry));
    } catch (...) {
      const std::lock_guard lock(mutex_);
      runs_.erase(request.job_id);
      throw;
    }
    return entry->now();
  }
  std::vector<RunState> list(Call&, const JobListRequest&) override {
    const std::lock_guard lock(mutex_);
    std::vector<RunState> states;
    for (const auto& [id, entry] : runs_) states.push_back(entry->now());
    return states;
  }
  RunState inspect(Call&, const RunRequest& request) override { return find(request.job_id)->now(); }
  RunState recover(Call&, const RunRequest& request) override { return find(request.job_id)->now(); }
  void logs_async(AsyncCall<LogsAnswer> call, LogsRequest request) override { find(request.job_id)->log->serve(call, request); }
  RunState stop(Call&, const StopRequest& request) override {
    const auto entry = find(request.job_id);
    if (entry->end(Phase::stopped, 128 + 15, "stopped on request")) stopped(Run(entry));
    return entry->now();
  }
  void destroy(Call&, const RunRequest& request) override {
    if (!kinds::job_runner::terminal(find(request.job_id)->now().phase)) {
      throw Error(Code::failed_precondition, "job '" + request.job_id + "' still runs; stop it first");
    }
    const std::lock_guard lock(mutex_);
    runs_.erase(request.job_id);
  }

 protected:
  /// Begins the work of a new run, and does not wait for its end: that comes by `run.end`, from any thread. What it throws refuses the run.
  virtual void begin(const Run& run) = 0;
  /// The run was stopped: end its work. Work that looks at `run.ended()` often enough needs nothing here.
  virtual void stopped(const Run&) {}

 private:
  std::shared_ptr<Entry> find(const std::string& job_id) {
    const std::lock_guard lock(mutex_);
    const auto it = runs_.find(job_id);
    if (it == runs_.end()) throw Error(Code::not_found, "no run of job '" + job_id + "' is known to this runner");
    return it->second;
  }

  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Entry>> runs_;
};

}  // namespace operon::sdk
