#include "run_status.hpp"

#include <string.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "files.hpp"
#include "operon/run_folder/layout.hpp"
#include "operon/run_folder/records.hpp"
#include "operon/run_folder/status.hpp"

namespace operon::runner_process {

namespace keys = run_folder::status;
using kinds::job_runner::Phase;
using kinds::job_runner::RunState;

bool RunStatus::ended() const {
  return state == keys::state_word::ended;
}

std::optional<RunStatus> read_run_status(const std::filesystem::path& folder) {
  const auto text = read_file_if_there(folder / run_folder::status_file);
  if (!text) return std::nullopt;
  RunStatus status;
  run_folder::RecordReader reader(*text);
  run_folder::Record record;
  while (reader.next(record)) {
    uint64_t number = 0;
    if (record.key == keys::state) status.state = record.value;
    if (record.key == keys::cause) status.cause = record.value;
    if (record.key == keys::failed_step) status.failed_step = record.value;
    if (record.key == keys::failed_on) status.failed_on = record.value;
    if (record.key == keys::revert) status.revert = record.value;
    if (!run_folder::decimal(record.value, number)) continue;
    if (record.key == keys::start_unix_ms) status.start_unix_ms = static_cast<int64_t>(number);
    if (record.key == keys::end_unix_ms) status.end_unix_ms = static_cast<int64_t>(number);
    if (record.key == keys::exit_code) status.exit_code = static_cast<int>(number);
    if (record.key == keys::signal) status.signal = static_cast<int>(number);
    if (record.key == keys::out_of_memory) status.out_of_memory = number == 1;
    if (record.key == keys::failed_errno) status.failed_errno = static_cast<int>(number);
    if (record.key == keys::time_limit_ms) status.time_limit_ms = static_cast<int64_t>(number);
    if (record.key == keys::log_end) status.log_end = number;
    if (record.key == keys::log_lost) status.log_lost = number;
  }
  if (reader.broken() || status.state.empty()) {
    // Replaced by rename, so only a power cut leaves it torn: something may have been running, and has to be ended and undone.
    status = {};
    status.state = keys::state_word::starting;
  }
  return status;
}

namespace {

/// Debian's package of programs that scenarios use most.
std::string install_hint(const std::string& program) {
  static constexpr std::array<std::pair<const char*, const char*>, 9> packages = {{{"stress-ng", "stress-ng"},
                                                                                   {"curl", "curl"},
                                                                                   {"pkill", "procps"},
                                                                                   {"pgrep", "procps"},
                                                                                   {"fallocate", "util-linux"},
                                                                                   {"tc", "iproute2"},
                                                                                   {"iptables", "iptables"},
                                                                                   {"python3", "python3"},
                                                                                   {"kubectl", "kubernetes-client"}}};
  for (const auto& [name, package] : packages) {
    if (program == name) return "; install the package '" + std::string(package) + "'";
  }
  return "; install it, or correct `argv` in the scenario's `run` part";
}

std::string not_started(const RunStatus& s) {
  namespace step = keys::step_word;
  const auto why = std::string(strerror(s.failed_errno));
  if (s.failed_step == step::program && s.failed_errno == ENOENT) {
    const bool searched = s.failed_on.find('/') == std::string::npos;
    return "program '" + s.failed_on + "' not found" +
           (searched ? " in PATH" + install_hint(s.failed_on) : "; correct `argv` in the scenario's `run` part");
  }
  if (s.failed_step == step::program) return "program '" + s.failed_on + "' could not be started: " + why;
  if (s.failed_step == step::interpreter)
    return "program '" + s.failed_on + "' could not be started: the interpreter that its first line (or its ELF header) names is not there";
  if (s.failed_step == step::workdir) return "the working directory '" + s.failed_on + "' could not be entered: " + why;
  if (s.failed_step == step::limit) return "a resource limit could not be set: " + why;
  if (s.failed_step == step::log) return "the run's log could not be opened: " + why;
  if (s.failed_step == step::fork) return "no process could be made: " + why;
  return "what to run could not be read from the run folder: " + why;
}

std::string signal_words(int signal) {
  const char* const name = sigabbrev_np(signal);
  return "signal " + std::to_string(signal) + (name == nullptr ? "" : " (SIG" + std::string(name) + ")");
}

std::string end_of_process(const RunStatus& s) {
  if (s.out_of_memory) return "killed for want of memory";
  if (s.signal) return "killed by " + signal_words(*s.signal);
  if (s.exit_code && *s.exit_code != 0) return "exit code " + std::to_string(*s.exit_code);
  return "";
}

std::string cause_words(const RunStatus& s) {
  namespace cause = keys::cause_word;
  if (s.cause == cause::stop) return "stopped on request";
  if (s.cause == cause::shutdown) return "stopped because its supervisor was asked to end (SIGTERM), as when the machine shuts down";
  if (s.cause == cause::time_limit) {
    return "time limit of " +
           (s.time_limit_ms % 1000 == 0 ? std::to_string(s.time_limit_ms / 1000) + " s" : std::to_string(s.time_limit_ms) + " ms") +
           " reached";
  }
  if (s.cause == cause::supervisor_lost) return "the run's supervisor was killed, and the run with it";
  if (s.cause == cause::machine_restarted) return "the machine restarted while the run was running";
  if (s.cause == cause::not_started) return not_started(s);
  return end_of_process(s);
}

std::string message(const RunStatus& s) {
  namespace revert = keys::revert_word;
  std::string text = cause_words(s);
  const auto add = [&](const std::string& more) { text += (text.empty() ? "" : "; ") + more; };
  if (s.revert == revert::done && !text.empty()) add("undone");
  if (s.revert == revert::failed) add("undoing it FAILED, see the end of the log");
  if (s.revert == revert::time_limit) add("undoing it took too long and was ended");
  if (s.log_lost > 0) add(std::to_string(s.log_lost) + " bytes of its log could not be stored");
  return text;
}

Phase phase(const RunStatus& s) {
  namespace cause = keys::cause_word;
  if (s.cause == cause::stop || s.cause == cause::shutdown) return Phase::stopped;
  return s.cause == cause::exited && s.exit_code == 0 ? Phase::succeeded : Phase::failed;
}

}  // namespace

RunState to_state(const std::string& job_id, const std::optional<RunStatus>& status) {
  RunState state;
  state.job_id = job_id;
  state.handle = kinds::job_runner::Handle{run_folder::format_version, job_id};
  if (!status) return state;
  state.start_unix_ms = status->start_unix_ms;
  state.phase = Phase::running;
  if (status->state == keys::state_word::starting) state.phase = Phase::pending;
  if (!status->ended()) return state;
  state.phase = phase(*status);
  state.end_unix_ms = status->end_unix_ms;
  state.exit_code = status->exit_code;
  if (status->signal) state.exit_code = 128 + *status->signal;  // as shells and Kubernetes say it
  state.message = message(*status);
  return state;
}

}  // namespace operon::runner_process
