/// core/app/operonctl/command_words.hpp: what a command line may hold, asked of its parser.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace operon::ctl {

/// The names of the commands directly below.
inline std::vector<std::string> commands_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) names.push_back(sub->get_name());
  return names;
}

/// "--name" of every option that has a long one.
inline std::vector<std::string> options_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

}  // namespace operon::ctl
