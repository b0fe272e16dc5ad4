#include "commands.hpp"
#include "options.hpp"
#include "say.hpp"

namespace scenario {

int hello(const Arguments& arguments) {
  const Options options(arguments, {"name", "count", "interval", "exit-status"});
  const std::string name = options.text("name");
  const long count = options.number("count", 1, 1'000);
  const long interval = options.milliseconds("interval", 3'600);
  const long exit_status = options.number("exit-status", 0, 255);
  notice_signals();
  for (long i = 1; i <= count; ++i) {
    say("Hello, " + name + " (" + std::to_string(i) + " of " + std::to_string(count) + ")");
    if (!wait(interval)) {
      say("Stopped before the end. Goodbye, " + name);
      return 143;
    }
  }
  say("Done, nothing was harmed. Exit status " + std::to_string(exit_status));
  return static_cast<int>(exit_status);
}

}  // namespace scenario
