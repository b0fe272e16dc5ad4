/// core/app/operonctl/usage.hpp: what is wrong with a command line, in words a beginner can act on.
#pragma once

#include <string>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace operon::ctl {

/// One line that names the wrong word (and what comes near it), one line that says where the right ones are listed.
std::string usage_error(const CLI::App&, const CLI::ParseError&);

}  // namespace operon::ctl
