#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <fstream>
#include <memory>
#include <set>
#include <string_view>

#include "commands.hpp"
#include "options.hpp"
#include "say.hpp"

namespace scenario {
namespace {

struct SignalName {
  const char* name;
  int number;
};
constexpr SignalName signal_names[] = {{"TERM", SIGTERM}, {"KILL", SIGKILL}, {"INT", SIGINT},   {"HUP", SIGHUP},
                                       {"STOP", SIGSTOP}, {"QUIT", SIGQUIT}, {"USR1", SIGUSR1}, {"USR2", SIGUSR2}};

int signal_number(const std::string& name) {
  for (const auto& known : signal_names) {
    if (name == known.name) return known.number;
  }
  throw UsageError("--signal must be one of TERM, KILL, INT, HUP, STOP, QUIT, USR1, USR2, not '" + name + "'");
}

/// The name that the kernel keeps: at most 15 bytes.
std::string name_of(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/comm");
  std::string name;
  std::getline(in, name);
  return name;
}

/// The number that `text` begins with, or 0.
pid_t pid_from(std::string_view text) {
  pid_t pid = 0;
  return std::from_chars(text.data(), text.data() + text.size(), pid).ec == std::errc() ? pid : 0;
}

/// Field 4 of /proc/PID/stat, read behind the name's last bracket: a name may hold anything.
pid_t parent_of(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  size_t bracket = text.rfind(')');
  if (bracket == std::string::npos || bracket + 4 >= text.size()) return 0;
  return pid_from(std::string_view(text).substr(bracket + 4));
}

/// The host, its supervisors and these tools: hitting them would end other runs, not test anybody's service.
void refuse_own(const std::string& name) {
  if (name.starts_with("operon")) throw UsageError("processes named operon... are the host's own and are not hit");
}

/// Process 1, this program and all that started it.
std::set<pid_t> spared() {
  std::set<pid_t> pids{1};
  for (pid_t pid = ::getpid(); pid > 0 && pids.insert(pid).second; pid = parent_of(pid)) {
  }
  return pids;
}

std::set<pid_t> all_processes() {
  std::set<pid_t> pids;
  std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir("/proc"), &::closedir);
  while (const dirent* entry = proc ? ::readdir(proc.get()) : nullptr) {
    if (pid_t pid = pid_from(entry->d_name); pid > 0) pids.insert(pid);
  }
  return pids;
}

enum class Sent { yes, gone, refused };

/// Through a descriptor of the process, so that a new process with the same number is never hit.
Sent send(pid_t pid, const std::string& name, int signal) {
  int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0) return Sent::gone;
  bool same = name_of(pid) == name;
  int failed = 0;
  if (same && ::syscall(SYS_pidfd_send_signal, fd, signal, nullptr, 0) != 0) failed = errno;
  ::close(fd);
  if (!same || failed == ESRCH) return Sent::gone;
  if (failed == 0) return Sent::yes;
  complain("Process " + std::to_string(pid) + ": " + std::strerror(failed));
  return Sent::refused;
}

struct Tally {
  std::set<pid_t> hit;
  long refused = 0;
};

/// At most `count_max` processes of that name, 0 = all.
Tally send_all(const std::string& name, int number, const std::string& signal, long count_max) {
  const auto never = spared();
  Tally tally;
  for (pid_t pid : all_processes()) {
    if (never.count(pid) || name_of(pid) != name) continue;
    if (count_max != 0 && static_cast<long>(tally.hit.size()) == count_max) break;
    const Sent sent = send(pid, name, number);
    if (sent == Sent::refused) ++tally.refused;
    if (sent != Sent::yes) continue;
    tally.hit.insert(pid);
    say("SIG" + signal + " sent to process " + std::to_string(pid) + " (" + name + ")");
  }
  return tally;
}

}  // namespace

int process_kill(const Arguments& arguments) {
  const Options options(arguments, {"name", "signal", "count", "duration"});
  const std::string name = options.text("name");
  refuse_own(name);
  const std::string signal = options.text("signal");
  const int number = signal_number(signal);
  const long count_max = options.number("count", 0, 100'000);
  const long duration = options.milliseconds("duration", 86'400);
  if (number == SIGSTOP) notice_signals();  // before anything is stopped: from here on the end comes by way of SIGCONT
  const Tally tally = send_all(name, number, signal, count_max);
  if (tally.hit.empty()) complain(tally.refused ? "No process could be signalled" : "No process is named '" + name + "'");
  bool whole = true;
  if (number == SIGSTOP && !tally.hit.empty()) {
    say("Stopped for " + std::to_string(duration / 1000) + " seconds");
    whole = wait(duration);
    for (pid_t pid : tally.hit) {
      if (send(pid, name, SIGCONT) == Sent::yes) say("Process " + std::to_string(pid) + " goes on");
    }
  }
  say(std::to_string(tally.hit.size()) + " signalled, " + std::to_string(tally.refused) + " refused");
  if (!whole) return 143;
  return !tally.hit.empty() && tally.refused == 0 ? 0 : 1;
}

int process_continue(const Arguments& arguments) {
  const Options options(arguments, {"name", "signal"});
  if (options.text("signal") != "STOP") {
    say("Nothing to undo");
    return 0;
  }
  const Tally tally = send_all(options.text("name"), SIGCONT, "CONT", 0);
  return tally.refused == 0 ? 0 : 1;
}

}  // namespace scenario
