#include "core/app/operonctl/completion.hpp"

#include <CLI/CLI.hpp>

#include "core/app/operonctl/command_words.hpp"
#include "operon/error.hpp"

namespace operon::ctl {
namespace {

std::string join(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

const std::vector<const CLI::App*> all_of(const CLI::App& app) {
  const auto found = app.get_subcommands([](const CLI::App*) { return true; });
  return {found.begin(), found.end()};
}

/// The values of options that have few.
std::string words_of(const std::string& option) {
  if (option == "output") return "table wide json yaml name";
  if (option == "status") return "Pending Running Succeeded Failed Stopped";
  if (option == "kind") return "job-runner target-provider scenario-registry";
  return {};
}

/// One case arm a command: what may come after it.
std::string bash(const CLI::App& app) {
  std::string arms;
  for (const CLI::App* sub : all_of(app)) {
    std::vector<std::string> words = commands_of(*sub);
    for (const CLI::App* nested : all_of(*sub)) {
      for (const auto& option : options_of(*nested)) words.push_back(option);
    }
    for (const auto& option : options_of(*sub)) words.push_back(option);
    for (const auto& option : options_of(app)) words.push_back(option);
    arms += "    " + sub->get_name() + ") words=\"" + join(words) + "\" ;;\n";
  }
  return "# bash completion for operonctl: source <(operonctl completion bash)\n"
         "_operonctl() {\n"
         "  local words=\"" +
         join(commands_of(app)) + " " + join(options_of(app)) +
         "\" command=${COMP_WORDS[1]}\n"
         "  [[ $COMP_CWORD -gt 1 ]] && case $command in\n" +
         arms +
         "  esac\n"
         "  if [[ $COMP_CWORD -eq 2 && ( $command == scenario || $command == run ) && ${COMP_WORDS[2]} != -* ]]; then\n"
         "    words+=\" $(operonctl scenarios -o name 2>/dev/null)\"\n"
         "  elif [[ $COMP_CWORD -eq 2 && ( $command == job || $command == logs || $command == stop ) && ${COMP_WORDS[2]} != -* ]]; then\n"
         "    words+=\" $(operonctl jobs --limit 50 -o name 2>/dev/null)\"\n"
         "  fi\n"
         "  case ${COMP_WORDS[COMP_CWORD-1]} in\n"
         "    -o|--output) words=\"" +
         words_of("output") +
         "\" ;;\n"
         "    --status) words=\"" +
         words_of("status") +
         "\" ;;\n"
         "    --kind) words=\"" +
         words_of("kind") +
         "\" ;;\n"
         "    --*-file|--file|--config) words= ;;\n"
         "    completion) words=\"bash zsh fish\" ;;\n"
         "  esac\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
         "}\n"
         "complete -o default -F _operonctl operonctl\n";
}

std::string zsh(const CLI::App& app) {
  return "#compdef operonctl\n# zsh completion for operonctl: source <(operonctl completion zsh)\nautoload -U +X bashcompinit && "
         "bashcompinit\n" +
         bash(app);
}

std::string fish_quote(std::string text) {
  size_t at = 0;
  while ((at = text.find('\'', at)) != std::string::npos) {
    text.insert(at, "\\");
    at += 2;
  }
  return "'" + text + "'";
}

/// An option everywhere, or behind one command.
std::string fish_option(const CLI::Option& option, const std::string& command) {
  std::string out;
  for (const auto& name : option.get_lnames()) {
    out += "complete -c operonctl" + (command.empty() ? "" : " -n '__fish_seen_subcommand_from " + command + "'") + " -l " + name;
    if (!option.get_snames().empty()) out += " -s " + option.get_snames().front();
    if (option.get_items_expected_max() > 0) {
      const std::string words = words_of(name);
      out += option.get_type_name() == "FILE" ? " -rF" : words.empty() ? " -x" : " -xa '" + words + "'";
    }
    out += " -d " + fish_quote(option.get_description()) + "\n";
  }
  return out;
}

std::string fish(const CLI::App& app) {
  std::string out = "# fish completion for operonctl: operonctl completion fish | source\ncomplete -c operonctl -f\n";
  for (const CLI::App* sub : all_of(app)) {
    const std::string name = sub->get_name();
    out += "complete -c operonctl -n __fish_use_subcommand -a " + name + " -d " + fish_quote(sub->get_description()) + "\n";
    for (const CLI::App* nested : all_of(*sub))
      out += "complete -c operonctl -n '__fish_seen_subcommand_from " + name + "' -a " + nested->get_name() + " -d " +
             fish_quote(nested->get_description()) + "\n";
    for (const CLI::Option* option : sub->get_options()) out += fish_option(*option, name);
    for (const CLI::App* nested : all_of(*sub)) {
      for (const CLI::Option* option : nested->get_options()) out += fish_option(*option, nested->get_name());
    }
  }
  for (const CLI::Option* option : app.get_options()) out += fish_option(*option, "");
  out += "complete -c operonctl -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'\n";
  out += "complete -c operonctl -n '__fish_seen_subcommand_from plugin' -F\n";
  out += "complete -c operonctl -n '__fish_seen_subcommand_from scenario run' -a '(operonctl scenarios -o name 2>/dev/null)'\n";
  out += "complete -c operonctl -n '__fish_seen_subcommand_from job logs stop' -a '(operonctl jobs --limit 50 -o name 2>/dev/null)'\n";
  return out;
}

}  // namespace

std::string completion_script(const CLI::App& app, const std::string& shell) {
  if (shell == "bash") return bash(app);
  if (shell == "zsh") return zsh(app);
  if (shell == "fish") return fish(app);
  throw Error{Code::invalid_argument, "no completion for '" + shell + "'; known are bash, zsh, fish"};
}

}  // namespace operon::ctl
