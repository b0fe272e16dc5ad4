/// core/config/command_line.hpp: operond's arguments.
#pragma once

#include <string>
#include <vector>

#include "core/config/set_expression.hpp"

namespace operon::config {

struct CommandLine {
  enum class Task { serve, help, help_markdown, version, check_config, print_config };

  Task task = Task::serve;
  std::string config_file;
  std::vector<Assignment> flags;  ///< in the order of the option table
  std::string api_port;           ///< --api-port
  std::vector<Assignment> sets;   ///< --set, in order; they go over everything else
};

/// Throws Error(invalid_argument) naming the flag, and the nearest known ones when it is unknown.
CommandLine parse_command_line(int argc, const char* const* argv);

/// What --help prints.
std::string help_text();
/// The reference of all options as a Markdown page, for docs/configuration.md.
std::string help_markdown();

}  // namespace operon::config
