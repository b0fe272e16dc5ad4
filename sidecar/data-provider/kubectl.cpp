#include "kubectl.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "cancellation.hpp"
#include "cluster_pool.hpp"
#include "core/base/text.hpp"
#include "core/kube/config.hpp"
#include "operon/error.hpp"
#include "operon/kubeconfig/kubeconfig.hpp"

namespace operon::data_provider {
namespace {

using base::Fd;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kubeconfig_fd = 3;  // in the child
constexpr int exit_code_timeout = 124;
constexpr size_t piece_bytes = 64u << 10;

/// The kubeconfig as kubectl gets it: checked, and cut down to the context that is used.
Fd in_memory(const std::string& packed, const KubectlSettings& settings) {
  std::string text;
  try {
    text = decode_kubeconfig(packed, settings.kubeconfig_bytes_max);
    kube::from_untrusted(text, "kubeconfig", "", settings.link_local);
    const auto config = kubeconfig::Kubeconfig::parse(text, "kubeconfig", {.link_local = settings.link_local, .entries_apart = true});
    text = config.flatten(config.current_context());
  } catch (const Error& e) {
    throw Error(Code::invalid_argument, e.what());
  }
  Fd file(memfd_create("kubeconfig", MFD_CLOEXEC));
  size_t written = 0;
  while (file.get() >= 0 && written < text.size()) {
    const ssize_t bytes = write(file.get(), text.data() + written, text.size() - written);
    if (bytes < 0 && errno != EINTR) break;
    written += static_cast<size_t>(std::max<ssize_t>(bytes, 0));
  }
  if (file.get() < 0 || written < text.size()) throw Error(Code::resource_exhausted, "kubectl: no memory for its kubeconfig");
  return file;
}

/// What kubectl may know of our environment: where programs are, how to leave the house, whom to trust.
std::vector<std::string> environment() {
  std::vector<std::string> all{"HOME=/nonexistent", "KUBECONFIG=/dev/null"};
  for (const char* name :
       {"PATH", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"}) {
    if (const char* value = std::getenv(name)) all.push_back(std::string(name) + "=" + value);
  }
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> all;
  all.reserve(words.size() + 1);
  for (auto& word : words) all.push_back(word.data());
  all.push_back(nullptr);
  return all;
}

struct Pipe {
  Fd read_end, write_end;
  Pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw Error(Code::resource_exhausted, std::string("kubectl: ") + std::strerror(errno));
    read_end = Fd(ends[0]);
    write_end = Fd(ends[1]);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
  }
};

/// Its own process group, so that whatever it starts ends with it. Ends when this does.
class Child {
 public:
  Child(const std::filesystem::path& program, std::vector<std::string> words, Fd kubeconfig, const Pipe& out, const Pipe& err) {
    std::vector<std::string> env = environment();
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out.write_end.get(), 1);
    posix_spawn_file_actions_adddup2(&actions, err.write_end.get(), 2);
    posix_spawn_file_actions_adddup2(&actions, kubeconfig.get(), kubeconfig_fd);
    posix_spawn_file_actions_addclosefrom_np(&actions, kubeconfig_fd + 1);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    const int error = posix_spawnp(&pid_, program.c_str(), &actions, &attributes, pointers(words).data(), pointers(env).data());
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (error != 0) {
      pid_ = 0;
      throw Error(Code::unavailable, "kubectl: " + program.string() + ": " + std::strerror(error) + "; say with --kubectl where it is");
    }
    ended_ = Fd(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));  // glibc 2.36 declares its own for C only
  }
  ~Child() {
    if (pid_ > 0) reap();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  int ended_fd() const { return ended_.get(); }
  /// Ends the whole group, whatever is left of it; the exit code, or 128 + the signal.
  int reap() {
    kill(-pid_, SIGKILL);
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t pid_ = 0;
  Fd ended_;
};

/// One stream of output, kept up to a limit and read on beyond it, so that the writer does not wait.
struct Output {
  const char* name;
  const Fd* fd;
  size_t bytes_max;
  std::string text{};
  bool open = true, cut = false;

  void read_what_is_there() {
    char piece[piece_bytes];
    while (open) {
      const ssize_t bytes = read(fd->get(), piece, sizeof piece);
      if (bytes < 0 && errno == EINTR) continue;
      if (bytes < 0 && errno == EAGAIN) return;
      if (bytes <= 0) {
        open = false;
        return;
      }
      const size_t room = std::min(static_cast<size_t>(bytes), bytes_max - text.size());
      text.append(piece, room);
      cut = cut || room < static_cast<size_t>(bytes);
      if (cut) return;  // the deadline is looked at between pieces
    }
  }
};

enum class End { exited, timeout, cancelled };

End follow(const Child& child, Output& out, Output& err, steady_clock::time_point deadline, const Cancellation& cancellation) {
  while (true) {
    if (cancellation.is_cancelled()) return End::cancelled;
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now()).count();
    if (left <= 0) return End::timeout;
    pollfd fds[] = {{child.ended_fd(), POLLIN, 0},
                    {cancellation.fd(), POLLIN, 0},
                    {out.open ? out.fd->get() : -1, POLLIN, 0},
                    {err.open ? err.fd->get() : -1, POLLIN, 0}};
    if (poll(fds, std::size(fds), static_cast<int>(left)) < 0 && errno != EINTR) return End::timeout;
    const bool exited = fds[0].revents != 0;  // before the reading: what it wrote is there by now
    out.read_what_is_there();
    err.read_what_is_there();
    if (exited) return End::exited;
  }
}

}  // namespace

KubectlAnswer run_kubectl(const KubectlSettings& settings, const std::vector<std::string>& arguments, const std::string& kubeconfig_base64,
                          milliseconds timeout, const Cancellation& cancellation) {
  const auto deadline = steady_clock::now() + timeout;
  Fd kubeconfig = in_memory(kubeconfig_base64, settings);
  std::vector<std::string> words{"kubectl", "--kubeconfig=/proc/self/fd/" + std::to_string(kubeconfig_fd), "--cache-dir=/nonexistent"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  Pipe out_pipe, err_pipe;
  Child child(settings.program, std::move(words), std::move(kubeconfig), out_pipe, err_pipe);
  out_pipe.write_end = Fd();
  err_pipe.write_end = Fd();

  Output out{"stdout", &out_pipe.read_end, settings.stdout_bytes_max};
  Output err{"stderr", &err_pipe.read_end, settings.stderr_bytes_max};
  const End how = follow(child, out, err, deadline, cancellation);
  KubectlAnswer answer;
  answer.exit_code = child.reap();
  if (how == End::cancelled) throw Error(Code::cancelled, "kubectl: cancelled");
  if (how == End::timeout) {
    answer.exit_code = exit_code_timeout;
    answer.error = "kubectl was stopped: it took longer than " + std::to_string(timeout.count()) + " ms";
  }
  for (const Output* one : {&out, &err}) {
    if (!one->cut) continue;
    answer.error += (answer.error.empty() ? "" : "; ") + std::string(one->name) + " is cut at " + base::bytes_text(one->bytes_max);
  }
  answer.out = std::move(out.text);
  answer.err = std::move(err.text);
  return answer;
}

}  // namespace operon::data_provider
