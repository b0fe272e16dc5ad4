#include "supervisor.hpp"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "files.hpp"
#include "operon/run_folder/layout.hpp"
#include "operon/run_folder/records.hpp"
#include "operon/run_folder/status.hpp"

namespace operon::supervisor {

namespace cause = run_folder::status::cause_word;
namespace state = run_folder::status::state_word;
namespace step = run_folder::status::step_word;

/// A pipe is enough for both: stdout and stderr stay in the order in which they were written.
bool Supervisor::open_channels() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return false;
  output_ = ends[0];
  input_ = ends[1];
  fcntl(output_, F_SETFL, O_NONBLOCK);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGCHLD);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  signals_ = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
  // For both directions: there is always a writer, so it never reads as ended.
  control_ = open(run_folder::control_fifo, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (control_ >= 0) {
    fcntl(control_, F_SETPIPE_SZ, 4096);
    // Whoever halted this process (SIGSTOP), the run itself perhaps, halted the run's time limit with it: a request to stop sets both
    // going.
    fcntl(control_, F_SETOWN, getpid());
    fcntl(control_, F_SETSIG, SIGCONT);
    fcntl(control_, F_SETFL, O_NONBLOCK | O_ASYNC);
  }
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  return signals_ >= 0;
}

void Supervisor::run() {
  if (!start()) return;
  settings_ = spec_.settings;
  spec_.clear();
  Watched program{.pid = status_.pid, .stoppable = true};
  if (settings_.time_limit_ms > 0) program.limit_at = steady_ms() + settings_.time_limit_ms;
  look_for_stop_request();
  watch(program);
  if (WIFEXITED(program.wait_status)) status_.exit_code = WEXITSTATUS(program.wait_status);
  if (WIFSIGNALED(program.wait_status)) status_.signal = WTERMSIG(program.wait_status);
  status_.out_of_memory = cgroup_.out_of_memory();
  const auto why = cause_.empty() ? cause::exited : cause_;
  if (revert_is_due()) revert();
  end(why);
}

/// Everything up to the running program. False when the run has ended already.
bool Supervisor::start() {
  protect_from_oom_killer();
  const bool readable = load_spec(spec_) && reserve_status_room() && open_channels();
  int error = errno;
  std::string_view failed = readable ? std::string_view{} : step::spec;
  if (readable && access(run_folder::stop_file, F_OK) == 0) {
    end(cause::stop);
    return false;
  }
  if (readable && !log_.begin(spec_.settings.segment_bytes, spec_.settings.log_bytes_max)) {
    failed = step::log;
    error = errno;
  }
  if (failed.empty()) {
    status_.state = state::starting;  // from here on something may be running
    status_.start_unix_ms = unix_ms();
    // What is to be undone must be known to have begun, also after a power cut.
    if (!write_status(status_, spec_.settings.has_revert)) {
      failed = step::log;
      error = errno;
    }
  }
  if (failed.empty()) {
    if (spec_.cgroup != nullptr) cgroup_.make(spec_.cgroup, spec_.cgroup_settings);
    const Started started = start_program({.spec = spec_, .arguments = spec_.arguments, .cgroup = cgroup_, .output = input_});
    status_.pid = started.pid;
    failed = started.failed_step;
    error = started.failed_errno;
  }
  if (!failed.empty()) {
    status_.failed_step = failed;
    status_.failed_errno = error;
    if (readable) status_.failed_on = failed == step::workdir ? spec_.workdir : spec_.arguments[0];
    end(cause::not_started);
    return false;
  }
  close(input_);
  input_ = -1;
  status_.state = state::running;
  write_status(status_, false);
  report_written();
  return true;
}

bool Supervisor::revert_is_due() const {
  if (!settings_.has_revert) return false;
  return settings_.revert_always || !cause_.empty() || status_.exit_code != 0;
}

/// Undoes what the run did; its output goes to the same log. Requests to stop have nothing to say here.
void Supervisor::revert() {
  namespace word = run_folder::status::revert_word;
  int ends[2];
  if (!load_spec(spec_) || pipe2(ends, O_CLOEXEC) != 0) {
    status_.revert = word::failed;
    return;
  }
  if (output_ >= 0) close(output_);
  output_ = ends[0];
  fcntl(output_, F_SETFL, O_NONBLOCK);
  cause_ = {};
  kill_at_ = 0;
  const Started started =
      start_program({.spec = spec_, .arguments = spec_.revert_arguments, .cgroup = cgroup_, .output = ends[1], .cgroup_was_killed = true});
  close(ends[1]);
  spec_.clear();
  if (started.pid == 0) {
    status_.revert = word::failed;
    say("operon: what should undo the run could not be started\n");
    return;
  }
  Watched program{.pid = started.pid, .limit_at = steady_ms() + settings_.revert_limit_ms};
  watch(program);
  const bool good = WIFEXITED(program.wait_status) && WEXITSTATUS(program.wait_status) == 0;
  status_.revert = cause_ == cause::time_limit ? word::time_limit : good ? word::done : word::failed;
}

void Supervisor::say(const char* text) {
  log_.append(text, strlen(text));
}

/// The end is written as often as it takes: a full disk must not lose it. A folder that is gone wants no status.
void Supervisor::end(std::string_view why) {
  status_.state = state::ended;
  status_.cause = why;
  status_.end_unix_ms = unix_ms();
  status_.log_end = log_.end_offset();
  status_.log_lost = log_.lost();
  status_.time_limit_ms = settings_.time_limit_ms;
  cgroup_.remove();
  remove_secrets();
  while (!write_status(status_, true)) {
    if (access(run_folder::lock_file, F_OK) != 0) return;
    report_written();  // whoever waits for the start must not wait for the disk
    sleep(1);
  }
  report_written();
}

void Supervisor::remove_secrets() {
  Spec spec;
  if (load_spec(spec)) {
    for (size_t i = 0; i < spec.secret_files.size(); ++i) unlink_inside(spec.secret_files[i]);
  }
  unlink(run_folder::spec_file);
  unlink(run_folder::control_fifo);
}

}  // namespace operon::supervisor
