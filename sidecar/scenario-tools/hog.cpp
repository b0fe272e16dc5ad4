#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "commands.hpp"
#include "options.hpp"
#include "say.hpp"

namespace scenario {
namespace {

/// The load then is this very process: what stops the run stops the load.
[[noreturn]] void become_stress_ng(std::vector<std::string> arguments) {
  std::vector<char*> argv;
  arguments.insert(arguments.begin(), "stress-ng");
  std::string line;
  for (auto& argument : arguments) {
    line += (line.empty() ? "" : " ") + argument;
    argv.push_back(argument.data());
  }
  argv.push_back(nullptr);
  say("Running " + line);
  ::execvp("stress-ng", argv.data());
  throw UsageError(errno == ENOENT ? "stress-ng is not installed; install the package stress-ng"
                                   : std::string("stress-ng: ") + std::strerror(errno));
}

/// "512m", "2g", "50%".
bool is_size(const std::string& text) {
  if (text.size() < 2 || text.size() > 8 || text[0] == '0') return false;
  return std::all_of(text.begin(), text.end() - 1, [](char c) { return c >= '0' && c <= '9'; }) &&
         std::strchr("kmgKMG%", text.back()) != nullptr;
}

}  // namespace

int cpu_hog(const Arguments& arguments) {
  const Options options(arguments, {"workers", "load", "duration"});
  become_stress_ng({"--cpu", std::to_string(options.number("workers", 0, 10'000)), "--cpu-load",
                    std::to_string(options.number("load", 1, 100)), "--timeout",
                    std::to_string(options.number("duration", 1, 86'400)) + "s", "--metrics-brief"});
}

int memory_hog(const Arguments& arguments) {
  const Options options(arguments, {"workers", "size", "duration"});
  const std::string size = options.text("size");
  if (!is_size(size)) throw UsageError("--size must be a size such as 512m, 2g or 50%, not '" + size + "'");
  become_stress_ng({"--vm", std::to_string(options.number("workers", 1, 1'000)), "--vm-bytes", size, "--vm-keep", "--timeout",
                    std::to_string(options.number("duration", 1, 86'400)) + "s", "--metrics-brief"});
}

}  // namespace scenario
