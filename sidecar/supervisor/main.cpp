/// operon-supervisor RUN_FOLDER [--clean-up]: owns one run of runner-process: its processes, its log, its exit status.
///
/// Descriptor 3 is the folder's lock, locked; descriptor 4 the handshake (operon/run_folder/layout.hpp). The program goes into the
/// background at once and outlives whoever started it.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "files.hpp"
#include "operon/run_folder/layout.hpp"
#include "supervisor.hpp"

namespace operon::supervisor {

static bool handshake_open = true;

void report_written() {
  if (!handshake_open) return;
  handshake_open = false;
  write_all(run_folder::handshake_fd, "1", 1);
  close(run_folder::handshake_fd);
}

static int refuse(const char* why) {
  write_all(STDERR_FILENO, why, strlen(why));
  return 2;
}

/// Out of the reach of signals to the starter's process group, session and terminal.
static void detach() {
  if (fork() != 0) _exit(0);
  setsid();
  const int null = open("/dev/null", O_RDWR);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(null, fd);
  for (const int fd : {run_folder::lock_fd, run_folder::handshake_fd}) fcntl(fd, F_SETFD, FD_CLOEXEC);
  syscall(SYS_close_range, run_folder::handshake_fd + 1, ~0U, 0);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  umask(077);
}

static int run(int argc, char** argv) {
  const bool clean_up = argc == 3 && strcmp(argv[2], "--clean-up") == 0;
  if (argc < 2 || argv[1][0] == '-' || (argc > 2 && !clean_up)) {
    return refuse(
        "usage: operon-supervisor RUN_FOLDER [--clean-up]\nStarted by the plugin runner-process, with the run's lock as descriptor 3.\n");
  }
  struct stat held, there;
  if (chdir(argv[1]) != 0) return refuse("operon-supervisor: the run folder cannot be entered\n");
  if (fstat(run_folder::lock_fd, &held) != 0 || stat(run_folder::lock_file, &there) != 0 || held.st_ino != there.st_ino ||
      flock(run_folder::lock_fd, LOCK_EX | LOCK_NB) != 0) {
    return refuse("operon-supervisor: descriptor 3 does not hold the run's lock\n");
  }
  detach();
  Supervisor supervisor;
  if (clean_up) {
    supervisor.clean_up();
  } else {
    supervisor.run();
  }
  return 0;
}

}  // namespace operon::supervisor

int main(int argc, char** argv) {
  return operon::supervisor::run(argc, argv);
}
