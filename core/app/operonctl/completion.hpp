/// core/app/operonctl/completion.hpp: completion scripts, made from the command tree itself.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace operon::ctl {

/// For bash, zsh or fish. Throws Error(invalid_argument) for another shell.
std::string completion_script(const CLI::App&, const std::string& shell);

}  // namespace operon::ctl
