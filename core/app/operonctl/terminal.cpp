#include "core/app/operonctl/terminal.hpp"

#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <optional>

#include "core/base/text.hpp"
#include "operon/error.hpp"

namespace operon::ctl {
namespace {

constexpr std::array ending_signals = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};

volatile std::sig_atomic_t caught_signal = 0;
void on_signal(int number) {
  caught_signal = number;
}

/// Echo is off while this lives, and an ending signal is only taken note of, and only while wait_for_input() waits: so none is missed
/// between a look for it and the wait.
class Hidden {
 public:
  Hidden() {
    caught_signal = 0;
    sigset_t held;
    sigemptyset(&held);
    for (const int number : ending_signals) sigaddset(&held, number);
    sigprocmask(SIG_BLOCK, &held, &mask_);
    struct sigaction note {};
    note.sa_handler = on_signal;
    sigemptyset(&note.sa_mask);
    for (size_t i = 0; i < ending_signals.size(); ++i) sigaction(ending_signals[i], &note, &before_[i]);
    if (tcgetattr(STDIN_FILENO, &terminal_) != 0) {
      const int reason = errno;
      restore_signals();
      throw Error{Code::failed_precondition, std::string("the terminal cannot be told to hide what is typed: ") + std::strerror(reason)};
    }
    termios silent = terminal_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    silent.c_lflag |= ECHONL;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  ~Hidden() {
    tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal_);
    restore_signals();
  }
  Hidden(const Hidden&) = delete;
  Hidden& operator=(const Hidden&) = delete;

  /// False when a signal came instead.
  bool wait_for_input() const {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    while (ppoll(&input, 1, nullptr, &mask_) < 0) {
      if (errno != EINTR) throw Error{Code::failed_precondition, std::string("no answer can be read: ") + std::strerror(errno)};
      if (caught_signal != 0) return false;
    }
    return true;
  }

 private:
  void restore_signals() {
    for (size_t i = 0; i < ending_signals.size(); ++i) sigaction(ending_signals[i], &before_[i], nullptr);
    sigprocmask(SIG_SETMASK, &mask_, nullptr);
  }

  termios terminal_{};
  sigset_t mask_{};
  std::array<struct sigaction, ending_signals.size()> before_{};
};

void show(const std::string& prompt) {
  std::fputs(prompt.c_str(), stderr);
  std::fflush(stderr);
}

/// None when `hidden` was waiting and a signal came instead.
std::optional<std::string> read_line(const Hidden* hidden) {
  std::string line;
  while (true) {
    char c = 0;
    if (hidden && !hidden->wait_for_input()) return std::nullopt;
    const ssize_t got = read(STDIN_FILENO, &c, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw Error{Code::failed_precondition, std::string("no answer can be read: ") + std::strerror(errno)};
    if (got == 0) throw Error{Code::failed_precondition, "the input ended before the answer"};
    if (c == '\n') break;
    if (line.size() >= answer_line_bytes_max) throw Error{Code::failed_precondition, "the answer is longer than 64 KiB"};
    line += c;
  }
  if (!line.empty() && line.back() == '\r') line.pop_back();
  if (!base::is_utf8(line)) throw Error{Code::failed_precondition, "the answer is not UTF-8 text"};
  return line;
}

}  // namespace

bool can_ask(const Settings& s) {
  return !s.no_input && isatty(STDIN_FILENO) != 0 && isatty(STDERR_FILENO) != 0;
}

std::string ask(const std::string& prompt) {
  show(prompt);
  return read_line(nullptr).value_or("");
}

std::string ask_hidden(const std::string& prompt) {
  while (true) {
    std::optional<std::string> line;
    {
      const Hidden hidden;  // before the prompt: who answers at once is not shown either
      show(prompt);
      line = read_line(&hidden);
    }
    if (line) return *line;
    std::fputs("\n", stderr);
    raise(caught_signal);  // as if it had not been held back; after Ctrl-Z and fg the question is asked again
  }
}

}  // namespace operon::ctl
