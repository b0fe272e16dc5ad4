#include "supervisor_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include <cerrno>
#include <string>

#include "files.hpp"
#include "operon/error.hpp"
#include "operon/run_folder/layout.hpp"

namespace operon::runner_process {

constexpr int handshake_ms_max = 20000;  ///< a machine that takes longer to start a program is given up on

/// The file actions and attributes of posix_spawn, freed at the end.
class SpawnRules {
 public:
  SpawnRules(int lock, int handshake) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
    for (const int fd : {0, 1, 2}) posix_spawn_file_actions_addopen(&actions_, fd, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&actions_, lock, run_folder::lock_fd);
    posix_spawn_file_actions_adddup2(&actions_, handshake, run_folder::handshake_fd);
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes_, &signals);
    sigfillset(&signals);
    posix_spawnattr_setsigdefault(&attributes_, &signals);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnRules() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnRules(const SpawnRules&) = delete;
  SpawnRules& operator=(const SpawnRules&) = delete;
  const posix_spawn_file_actions_t* actions() const { return &actions_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

/// Out of the way of the numbers that the supervisor expects.
static Fd moved_up(const Fd& fd) {
  Fd moved(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 10));
  if (!moved) throw_errno("duplicate a descriptor for", "the supervisor");
  return moved;
}

static bool wait_for_handshake(const Fd& handshake) {
  pollfd poll_fd{handshake.get(), POLLIN, 0};
  int ready = 0;
  do {
    ready = ::poll(&poll_fd, 1, handshake_ms_max);
  } while (ready < 0 && errno == EINTR);
  char byte = 0;
  return ready == 1 && ::read(handshake.get(), &byte, 1) == 1;
}

std::vector<std::string> supervisor_arguments(const std::filesystem::path& program, const std::filesystem::path& folder,
                                              SupervisorTask task) {
  std::vector<std::string> arguments = {program.string(), folder.string()};
  if (task == SupervisorTask::clean_up) arguments.emplace_back("--clean-up");
  return arguments;
}

bool start_supervisor(const std::filesystem::path& program, const std::filesystem::path& folder, Fd lock, SupervisorTask task) {
  if (program.empty()) {
    throw Error(Code::unavailable,
                "the program operon-supervisor was found neither beside the running program nor in PATH; install it, or set `supervisor`");
  }
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw_errno("make a pipe for", folder);
  const Fd handshake(ends[0]);
  Fd theirs(ends[1]);
  theirs = moved_up(theirs);
  lock = moved_up(lock);
  const SpawnRules rules(lock.get(), theirs.get());
  auto arguments = supervisor_arguments(program, folder, task);
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  char* environment[] = {nullptr};
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, program.c_str(), rules.actions(), rules.attributes(), argv.data(), environment);
  if (error != 0) {
    throw Error(error == EAGAIN || error == ENOMEM ? Code::resource_exhausted : Code::unavailable,
                "the supervisor " + program.string() + " could not be started: " + strerror(error));
  }
  theirs.reset();
  lock.reset();
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {  // the one that goes into the background at once
  }
  return wait_for_handshake(handshake);
}

}  // namespace operon::runner_process
