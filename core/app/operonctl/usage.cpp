#include "core/app/operonctl/usage.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "core/app/operonctl/command_words.hpp"
#include "core/base/text.hpp"

namespace operon::ctl {
namespace {

/// The command that was meant so far: "operonctl plugin new" and its parser.
const CLI::App& innermost(const CLI::App& app, std::string& path) {
  const CLI::App* here = &app;
  path = app.get_name();
  while (!here->get_subcommands().empty()) {
    here = here->get_subcommands().back();
    path += " " + here->get_name();
  }
  return *here;
}

std::string did_you_mean(const std::vector<std::string>& near) {
  std::string text;
  for (size_t i = 0; i < near.size(); ++i)
    text += (i == 0 ? "; did you mean " : i + 1 == near.size() ? " or " : ", ") + ("'" + near[i] + "'");
  return near.empty() ? "" : text + "?";
}

/// A word that nobody took.
std::string unknown(const CLI::App& root, const CLI::App& command, const std::string& argument) {
  const std::string word = argument.substr(0, argument.find('='));
  const std::string quoted = "'" + base::printable(word) + "'";
  if (word.size() > 1 && word.front() == '-') {
    auto known = options_of(command);
    if (word == "--password" && std::find(known.begin(), known.end(), "--password-file") != known.end())
      return "a password does not belong on a command line, where others see it: use --password-file";
    for (const auto& name : options_of(root)) known.push_back(name);
    return "unknown option " + quoted + did_you_mean(base::nearest(word, known));
  }
  const auto commands = commands_of(command);
  if (!commands.empty()) return "unknown command " + quoted + did_you_mean(base::nearest(word, commands));
  return "unexpected argument " + quoted;
}

/// CLI11 says "--output: 1 required FORMAT missing" of an option without its value.
std::string in_our_words(const std::string& text) {
  if (text.find(" required ") != std::string::npos && text.size() > 8 && text.compare(text.size() - 8, 8, " missing") == 0)
    return text.substr(0, text.find(':')) + " needs a value";
  if (text == "A subcommand is required") return "a command is missing";
  return text;
}

}  // namespace

std::string usage_error(const CLI::App& app, const CLI::ParseError& error) {
  std::string path;
  const CLI::App& command = innermost(app, path);
  const auto extra = app.remaining(true);
  const auto code = static_cast<CLI::ExitCodes>(error.get_exit_code());
  const bool unknown_word = !extra.empty() && (code == CLI::ExitCodes::ExtrasError || code == CLI::ExitCodes::RequiredError);
  return "operonctl: " + (unknown_word ? unknown(app, command, extra.front()) : in_our_words(error.what())) + "\nSee '" + path +
         " --help'.";
}

}  // namespace operon::ctl
