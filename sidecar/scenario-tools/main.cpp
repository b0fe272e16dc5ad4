/// operon-scenario: what the bundled scenarios run. Exit codes: 0 done, 1 the scenario failed, 2 it could not be run as asked.
#include <cstring>
#include <exception>
#include <string>

#include "commands.hpp"
#include "options.hpp"
#include "say.hpp"

namespace {

struct Command {
  const char* name;
  int (*run)(const scenario::Arguments&);
};

constexpr Command commands[] = {
    {"hello", scenario::hello},          {"cpu-hog", scenario::cpu_hog},           {"memory-hog", scenario::memory_hog},
    {"disk-fill", scenario::disk_fill},  {"process-kill", scenario::process_kill}, {"process-continue", scenario::process_continue},
    {"http-probe", scenario::http_probe}};

}  // namespace

int main(int argc, char** argv) {
  for (const auto& command : commands) {
    if (argc < 2 || std::strcmp(argv[1], command.name) != 0) continue;
    try {
      return command.run(scenario::Arguments(argv + 2, argv + argc));
    } catch (const std::exception& e) {
      scenario::complain(std::string(command.name) + ": " + e.what());
      return 2;
    }
  }
  std::string names;
  for (const auto& command : commands) names += (names.empty() ? "" : "|") + std::string(command.name);
  scenario::complain("usage: operon-scenario " + names + " --NAME=VALUE...");
  return 2;
}
