#include "program.hpp"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "files.hpp"
#include "operon/run_folder/status.hpp"

namespace operon::supervisor {

namespace step = run_folder::status::step_word;

namespace {

enum class Step : int { workdir, limit, program, interpreter };

struct Failure {
  Step at;
  int error;
};

char inherited_oom_score[16];

std::string_view word(Step at) {
  switch (at) {
    case Step::workdir:
      return step::workdir;
    case Step::limit:
      return step::limit;
    case Step::program:
      return step::program;
    case Step::interpreter:
      return step::interpreter;
  }
  return step::program;
}

[[noreturn]] void give_up(int report, Step at, int error) {
  const Failure failure{at, error};
  write_all(report, reinterpret_cast<const char*>(&failure), sizeof failure);
  _exit(127);
}

/// execve says ENOENT also when the file is there and its interpreter is not.
Step blame(const char* path, int error) {
  return error == ENOENT && access(path, F_OK) == 0 ? Step::interpreter : Step::program;
}

const char* search_path(char* const* environment) {
  for (; *environment != nullptr; ++environment) {
    if (strncmp(*environment, "PATH=", 5) == 0) return *environment + 5;
  }
  return "";
}

/// As execvpe does it, but along the run's own PATH; an unusable file does not hide a usable one further on.
[[noreturn]] void execute(char* const* arguments, char* const* environment, int report) {
  const char* const name = arguments[0];
  if (strchr(name, '/') != nullptr) {
    execve(name, arguments, environment);
    give_up(report, blame(name, errno), errno);
  }
  char path[PATH_MAX];
  Step at = Step::program;
  int error = ENOENT;
  const size_t name_size = strlen(name);
  for (const char* folder = search_path(environment); name_size > 0 && *folder != '\0';) {
    const size_t size = strcspn(folder, ":");
    if (size > 0 && size + name_size + 2 <= sizeof path) {
      memcpy(path, folder, size);
      path[size] = '/';
      memcpy(path + size + 1, name, name_size + 1);
      execve(path, arguments, environment);
      if (errno != ENOENT && errno != ENOTDIR) error = errno;
      if (blame(path, errno) == Step::interpreter) at = Step::interpreter;
    }
    folder += size + (folder[size] == ':' ? 1 : 0);
  }
  give_up(report, at, error);
}

void restore_oom_score() {
  const int fd = inherited_oom_score[0] == '\0' ? -1 : open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  write_all(fd, inherited_oom_score, strlen(inherited_oom_score));
  close(fd);
}

[[noreturn]] void become(const Program& program, pid_t supervisor, int report, bool enter_cgroup) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != supervisor) _exit(127);
  setsid();
  restore_oom_score();
  if (enter_cgroup) program.cgroup.enter();
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  signal(SIGHUP, SIG_DFL);
  umask(022);
  dup2(program.output, STDOUT_FILENO);
  dup2(program.output, STDERR_FILENO);
  if (chdir(program.spec.workdir) != 0) give_up(report, Step::workdir, errno);
  for (unsigned i = 0; i < program.spec.limit_count; ++i) {
    const auto& limit = program.spec.limits[i];
    rlimit current{};
    getrlimit(static_cast<__rlimit_resource_t>(limit.resource), &current);
    const rlim_t value = limit.value < current.rlim_max ? limit.value : current.rlim_max;  // never asks for more than there is to give
    const rlimit wanted{value, value};
    if (setrlimit(static_cast<__rlimit_resource_t>(limit.resource), &wanted) != 0) give_up(report, Step::limit, errno);
  }
  execute(program.arguments.list(), program.spec.environment.list(), report);
}

/// fork into the cgroup. Moving a process there afterwards costs tens of milliseconds: the kernel waits for all processors.
/// Below 0 where that cannot be done.
pid_t fork_into(const Cgroup& cgroup) {
  const int folder = cgroup.open_folder();
  if (folder < 0) return -1;
  clone_args arguments{};
  arguments.flags = CLONE_INTO_CGROUP;
  arguments.exit_signal = SIGCHLD;
  arguments.cgroup = static_cast<uint64_t>(folder);
  const pid_t pid = static_cast<pid_t>(syscall(SYS_clone3, &arguments, sizeof arguments));
  close(folder);
  return pid;
}

}  // namespace

Started start_program(const Program& program) {
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) return {0, step::fork, errno};
  const pid_t supervisor = getpid();
  pid_t pid = program.cgroup_was_killed ? -1 : fork_into(program.cgroup);
  const bool inside = pid >= 0;
  if (!inside) pid = fork();
  if (pid < 0) {
    const int error = errno;
    close(report[0]);
    close(report[1]);
    return {0, step::fork, error};
  }
  if (pid == 0) become(program, supervisor, report[1], !inside && program.cgroup.exists());
  close(report[1]);
  Failure failure{};
  ssize_t got = 0;
  do {
    got = read(report[0], &failure, sizeof failure);
  } while (got < 0 && errno == EINTR);
  close(report[0]);
  if (got != sizeof failure) return {pid, {}, 0};
  waitpid(pid, nullptr, 0);
  return {0, word(failure.at), failure.error};
}

void protect_from_oom_killer() {
  const int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  const ssize_t got = read(fd, inherited_oom_score, sizeof inherited_oom_score - 1);
  inherited_oom_score[got > 0 ? got : 0] = '\0';
  lseek(fd, 0, SEEK_SET);
  if (!write_all(fd, "-900", 4)) inherited_oom_score[0] = '\0';  // not ours to lower
  close(fd);
}

}  // namespace operon::supervisor
