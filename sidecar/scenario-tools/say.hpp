/// say.hpp: the log lines of a scenario, the waiting, and the signal that ends it.
#pragma once

#include <string>

namespace scenario {

/// "2026-01-02 03:04:05,678 [INFO] text" to standard output, at once.
void say(const std::string& text);
/// The same with [ERROR].
void complain(const std::string& text);

/// From now on SIGTERM and SIGINT are noticed by `wait` instead of ending the program.
void notice_signals();
/// Waits; false when a signal told the program to end.
bool wait(long milliseconds);

}  // namespace scenario
