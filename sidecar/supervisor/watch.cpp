/// watch.cpp: the loop: output to the log, deaths, requests, limits, until nothing of the program is left.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "files.hpp"
#include "operon/run_folder/layout.hpp"
#include "operon/run_folder/records.hpp"
#include "operon/run_folder/status.hpp"
#include "processes.hpp"
#include "supervisor.hpp"

namespace operon::supervisor {

namespace cause = run_folder::status::cause_word;

constexpr size_t output_bytes_max = 64u << 10;  ///< read at once: what a pipe holds
constexpr int64_t kill_interval_max_ms = 50;    ///< between rounds of KILL while something is left

void Supervisor::watch(Watched& watched) {
  kill_rounds_ = 0;
  for (;;) {
    reap(watched);
    if (watched.gone && nothing_left()) break;
    const int64_t now = steady_ms();
    if (!watched.gone && watched.limit_at > 0 && now >= watched.limit_at) ask_to_end(cause::time_limit, settings_.grace_ms);
    kill_what_is_due(watched);
    wait_for_something(watched);
    read_signals(watched);
    if (watched.stoppable) look_for_stop_request();
    read_output();
  }
  drain_output();
}

/// No child is left, and nobody in the cgroup.
bool Supervisor::nothing_left() const {
  siginfo_t info;
  const bool childless = waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD;
  return childless && cgroup_.empty();
}

/// KILL comes when the grace is over, and at once for what the first process left behind.
void Supervisor::kill_what_is_due(const Watched& watched) {
  const bool grace_over = kill_at_ > 0 && steady_ms() >= kill_at_;
  if (!grace_over && !(watched.gone && cause_.empty())) return;
  cgroup_.kill();
  signal_descendants(SIGKILL);
  ++kill_rounds_;
}

void Supervisor::wait_for_something(const Watched& watched) {
  int64_t wait = -1;
  const auto until = [&](int64_t at) {
    const int64_t left = at - steady_ms();
    if (wait < 0 || left < wait) wait = left < 0 ? 0 : left;
  };
  if (kill_rounds_ > 0) {
    wait = kill_rounds_ < kill_interval_max_ms ? kill_rounds_ : kill_interval_max_ms;
  } else {
    if (kill_at_ > 0) until(kill_at_);
    if (cause_.empty() && watched.limit_at > 0) until(watched.limit_at);
    // Who left the cgroup's tree is no child, so no SIGCHLD tells of its end.
    if (watched.gone && (wait < 0 || wait > kill_interval_max_ms)) wait = kill_interval_max_ms;
  }
  if (wait > 3600 * 1000) wait = 3600 * 1000;
  pollfd fds[] = {{signals_, POLLIN, 0}, {watched.stoppable ? control_ : -1, POLLIN, 0}, {output_, POLLIN, 0}};
  poll(fds, 3, static_cast<int>(wait));
}

/// Also the dead that are not ours: a sub-reaper inherits them.
void Supervisor::reap(Watched& watched) {
  int wait_status = 0;
  for (pid_t pid = 0; (pid = waitpid(-1, &wait_status, WNOHANG)) > 0;) {
    if (pid != watched.pid || watched.gone) continue;
    watched.gone = true;
    watched.wait_status = wait_status;
  }
}

void Supervisor::read_signals(Watched& watched) {
  signalfd_siginfo info;
  while (read(signals_, &info, sizeof info) == sizeof info) {
    if (info.ssi_signo != SIGCHLD && watched.stoppable && !watched.gone) ask_to_end(cause::shutdown, settings_.grace_ms);
  }
}

/// The file lasts, so a request from before the FIFO was open is seen too; the FIFO also works when the disk is full. Both say the grace.
void Supervisor::look_for_stop_request() {
  char bytes[256];
  uint64_t grace = 0;
  ssize_t got = 0;
  while (control_ >= 0 && (got = read(control_, bytes, sizeof bytes)) > 0) {
    const std::string_view text(bytes, static_cast<size_t>(got));
    if (run_folder::decimal(text.substr(0, text.find('\n')), grace)) ask_to_end(cause::stop, static_cast<int64_t>(grace));
  }
  Buffer text;
  if (access(run_folder::stop_file, F_OK) != 0 || !read_file(run_folder::stop_file, text)) return;
  if (!run_folder::decimal(text.view(), grace)) grace = static_cast<uint64_t>(settings_.grace_ms);
  if (stop_file_seen_ && grace == stop_file_grace_ms_) return;
  stop_file_seen_ = true;
  stop_file_grace_ms_ = grace;
  ask_to_end(cause::stop, static_cast<int64_t>(grace));
}

/// The first cause stands; a later request can only shorten the grace.
void Supervisor::ask_to_end(std::string_view why, int64_t grace_ms) {
  const int64_t kill_at = steady_ms() + grace_ms;
  if (!cause_.empty()) {
    if (kill_at < kill_at_) kill_at_ = kill_at;
    return;
  }
  cause_ = why;
  kill_at_ = kill_at;
  signal_descendants(SIGTERM);
}

void Supervisor::read_output() {
  static char bytes[output_bytes_max];
  if (output_ < 0) return;
  const ssize_t got = read(output_, bytes, sizeof bytes);
  if (got > 0) log_.append(bytes, static_cast<size_t>(got));
  if (got == 0) {
    close(output_);
    output_ = -1;
  }
}

/// What is in the pipe, and no more: a stranger who was handed the write end does not keep the run alive.
void Supervisor::drain_output() {
  while (output_ >= 0) {
    const uint64_t before = log_.end_offset();
    read_output();
    if (log_.end_offset() == before) return;
  }
}

}  // namespace operon::supervisor
