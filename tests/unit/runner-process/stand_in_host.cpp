/// runner_process_stand_in_host STATE_DIR REQUEST_JSON: starts one run as operond would, says so, and waits to be killed.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "operon/kinds/job_runner_json.hpp"
#include "operon/testing/host.hpp"

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::string build = std::getenv("OPERON_BUILD_DIR");
  const auto host = operon::testing::Host::load(build + "/plugins/librunner-process.so");
  host->configure({{"stateDir", argv[1]}, {"supervisor", build + "/bin/operon-supervisor"}});
  const auto result = host->call(operon::kinds::job_runner::id, "start", nlohmann::json::parse(argv[2]));
  if (!result.ok()) std::fprintf(stderr, "%s\n", result.error->what());
  const char word = result.ok() ? '1' : '0';
  if (::write(STDOUT_FILENO, &word, 1) != 1) return 1;
  for (;;) ::pause();
}
