#include "say.hpp"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>

namespace scenario {
namespace {

int signal_fd = -1;

void line(const char* level, const std::string& text) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  std::tm parts{};
  localtime_r(&now.tv_sec, &parts);
  char stamp[32];
  std::strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", &parts);
  std::printf("%s,%03ld [%s] %s\n", stamp, now.tv_nsec / 1'000'000, level, text.c_str());
  std::fflush(stdout);
}

}  // namespace

void say(const std::string& text) {
  line("INFO", text);
}

void complain(const std::string& text) {
  line("ERROR", text);
}

void notice_signals() {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  sigprocmask(SIG_BLOCK, &ends, nullptr);
  signal_fd = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
}

bool wait(long milliseconds) {
  using clock = std::chrono::steady_clock;
  const auto until = clock::now() + std::chrono::milliseconds(milliseconds);
  pollfd watched{signal_fd, POLLIN, 0};
  for (;;) {
    auto left = std::chrono::ceil<std::chrono::milliseconds>(until - clock::now()).count();
    int ready = ::poll(&watched, 1, static_cast<int>(std::clamp<long long>(left, 0, 60'000)));
    if (ready > 0) return false;
    if (left <= 0) return true;
  }
}

}  // namespace scenario
