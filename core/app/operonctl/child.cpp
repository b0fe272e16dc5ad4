#include "core/app/operonctl/child.hpp"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>

#include "core/base/files.hpp"
#include "operon/error.hpp"

namespace operon::ctl {
namespace {

constexpr size_t text_bytes_max = 4096;

[[noreturn]] void be_child(const std::function<Finding()>& check, int to) {
  Finding finding;
  try {
    finding = check();
  } catch (const std::exception& e) {
    finding = {Finding::Verdict::failed, e.what()};
  } catch (...) {
    finding = {Finding::Verdict::failed, "threw something that is no std::exception"};
  }
  std::string message(1, static_cast<char>('0' + static_cast<int>(finding.verdict)));
  message += finding.text.substr(0, text_bytes_max);
  std::fflush(nullptr);
  [[maybe_unused]] auto written = write(to, message.data(), message.size());
  _exit(0);
}

/// What the child wrote until it closed the pipe or the time was over.
std::string collect(int from, std::chrono::steady_clock::time_point give_up) {
  std::string message;
  char buffer[1024];
  while (message.size() <= text_bytes_max) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(give_up - std::chrono::steady_clock::now()).count();
    pollfd waiting{from, POLLIN, 0};
    if (left <= 0 || poll(&waiting, 1, static_cast<int>(left)) <= 0) break;
    const ssize_t got = read(from, buffer, sizeof buffer);
    if (got <= 0) break;
    message.append(buffer, static_cast<size_t>(got));
  }
  return message;
}

}  // namespace

Finding in_child(const std::function<Finding()>& check, std::chrono::milliseconds limit) {
  int ends[2];
  if (pipe(ends) != 0) throw Error{Code::unavailable, std::string("no pipe for a check: ") + std::strerror(errno)};
  base::Fd from(ends[0]);
  std::fflush(nullptr);
  const pid_t pid = fork();
  if (pid < 0) throw Error{Code::unavailable, std::string("no process for a check: ") + std::strerror(errno)};
  if (pid == 0) {
    close(ends[0]);
    be_child(check, ends[1]);
  }
  close(ends[1]);
  const auto give_up = std::chrono::steady_clock::now() + limit;
  const std::string message = collect(from.get(), give_up);
  const bool late = message.empty() && std::chrono::steady_clock::now() >= give_up;
  if (late) kill(pid, SIGKILL);
  int status = 0;
  waitpid(pid, &status, 0);
  if (late) return {Finding::Verdict::failed, "did not end within " + std::to_string(limit.count()) + " ms"};
  if (!message.empty()) return {static_cast<Finding::Verdict>(message[0] - '0'), message.substr(1)};
  if (WIFSIGNALED(status)) return {Finding::Verdict::failed, std::string("the process died: ") + strsignal(WTERMSIG(status))};
  return {Finding::Verdict::failed, "the process ended by itself with exit code " + std::to_string(WEXITSTATUS(status))};
}

}  // namespace operon::ctl
