/// operon-data-provider. Exit codes: 0 stopped by SIGTERM or SIGINT, 1 it cannot serve, 2 wrong arguments.
#include <signal.h>

#include <exception>

#include "core/base/idle_memory.hpp"
#include "core/log/log.hpp"
#include "options.hpp"
#include "server.hpp"

int main(int argc, char** argv) {
  using namespace operon;
  data_provider::Options options;
  int exit_code = 0;
  if (!data_provider::parse_options(argc, argv, options, exit_code)) return exit_code;
  // Before any thread is there: all of them leave these signals to this one.
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  sigaddset(&ending, SIGINT);
  sigprocmask(SIG_BLOCK, &ending, nullptr);
  signal(SIGPIPE, SIG_IGN);
  log::start(options.log_format, options.log_level);
  try {
    data_provider::Server server(options);
    base::release_idle_memory();
    int received = 0;
    sigwait(&ending, &received);
    log::info("stopping", {{"signal", received == SIGTERM ? "SIGTERM" : "SIGINT"}});
    server.drain();
  } catch (const std::exception& e) {
    log::error("cannot serve", {{"error", e.what()}});
    return 1;
  }
  return 0;
}
