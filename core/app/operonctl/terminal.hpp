/// core/app/operonctl/terminal.hpp: questions to whoever sits at the terminal.
#pragma once

#include <string>

#include "core/app/operonctl/settings.hpp"

namespace operon::ctl {

constexpr size_t answer_line_bytes_max = 64u << 10;

/// True when there is somebody to ask: input and messages are on a terminal, and --no-input was not given.
bool can_ask(const Settings&);

/// Shows the prompt on standard error, so that standard output stays the command's own, and reads one line. Throws
/// Error(failed_precondition) at the end of input, for a line over `answer_line_bytes_max`, and for one that is not UTF-8.
std::string ask(const std::string& prompt);

/// The same without showing what is typed. The terminal is as it was before also after Ctrl-C, Ctrl-Z, SIGTERM and errors.
std::string ask_hidden(const std::string& prompt);

}  // namespace operon::ctl
