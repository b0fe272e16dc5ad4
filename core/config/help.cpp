#include "core/config/command_line.hpp"
#include "core/config/options.hpp"

namespace operon::config {
namespace {

constexpr size_t width_max = 110;

constexpr std::string_view intro =
    R"(operond: runs scenarios on targets through plugins and serves the REST API.

Usage: operond [OPTION...]

With no option and no file it runs on its embedded defaults: REST on 127.0.0.1:8080, probes and metrics on
127.0.0.1:8083, this machine and the contexts of kubeconfig files as targets, a folder of scenarios, local processes.

  -c, --config FILE        configuration file (YAML)                                  [environment OPERON_CONFIG]
      --set KEY=VALUE,...  overrides any key: plugins.registry-dir.config.path=DIR, listen[0]=:90, dots in names as \.
      --check-config       says whether the configuration is good, and exits 0 or 1
      --print-config       prints the configuration in force as YAML, and exits
      --help-markdown      prints the reference of all options as a page
  -V, --version            prints the version
  -h, --help               prints this

Every option is a key of the file, a flag and an environment variable. What counts: flag, then environment, then file,
then default. * = read again on SIGHUP (as is the configuration of plugin instances).

)";

constexpr std::string_view outro =
    R"(plugins: (file and --set only)
  A map from instance names, which routes and requests use, to what they are. One in the file replaces the default.
      plugins:
        registry-dir:              # instance name
          plugin: registry-dir     # id of the plugin; default: the instance name
          isolation: inprocess     # placement
          required: false          # true: the host is not ready without it
          config: {path: DIR}      # the plugin's own, checked against its schema

Signals: SIGTERM and SIGINT stop in order (a second one at once), SIGHUP reads the configuration again.
Exit codes: 0 stopped in order, 1 could not start or serve, 2 wrong usage or configuration.
)";

std::string section_of(const Option& option) {
  const auto dot = option.key.find('.');
  return dot == std::string::npos ? std::string() : option.key.substr(0, dot);
}

void wrapped(std::string& out, const std::string& text, size_t indent) {
  std::string line;
  size_t at = 0;
  while (at < text.size()) {
    const auto space = std::min(text.find(' ', at), text.size());
    const auto word = text.substr(at, space - at);
    if (!line.empty() && indent + line.size() + 1 + word.size() > width_max) {
      out += std::string(indent, ' ') + line + "\n";
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
    at = space + 1;
  }
  if (!line.empty()) out += std::string(indent, ' ') + line + "\n";
}

std::string default_of(const Option& option) {
  const auto text = value_text(option, Settings{});
  if (!text.empty()) return text;
  if (option.key == "state_dir") return "$XDG_STATE_HOME/operon, ~/.local/state/operon, or /var/lib/operon for root";
  if (option.key == "plugin_dirs") return "plugins beside the program's folder";
  if (option.key == "data_provider_address") return "localhost:50051 where targets.store is kubernetes, else none";
  if (option.key == "defaults.registry") return "registry-dir if there is one of that name, else the first";
  if (option.key == "defaults.runner") return "runner-process if there is one of that name, else the first";
  return "none";
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += ", " + word;
  return text;
}

std::vector<std::string> alias_flags(const Option& option) {
  auto flags = option.flag_aliases;
  if (option.key == "listen") flags.emplace_back("--api-port PORT (of the first address)");
  return flags;
}

std::vector<std::string> alias_variables(const Option& option) {
  auto names = option.environment_aliases;
  if (option.key == "listen") names.emplace_back("API_PORT (of the first address)");
  return names;
}

}  // namespace

std::string help_text() {
  std::string out(intro);
  std::string section = "-";
  for (const auto& option : options()) {
    if (section_of(option) != section) {
      section = section_of(option);
      out += (section.empty() ? "The host" : section) + ":\n";
    }
    out += std::string(option.reloadable ? "* " : "  ") + option.flag() + " " + option.placeholder() + "\n";
    wrapped(out, option.help + (option.needs_cluster ? "; without effect until a cluster is used" : "") + ".", 6);
    wrapped(out, "key " + option.key + "; environment " + option.environment() + joined(alias_variables(option)), 6);
    if (!alias_flags(option).empty()) wrapped(out, "also" + joined(alias_flags(option)).substr(1), 6);
    wrapped(out, "default: " + default_of(option), 6);
  }
  return out + "\n" + std::string(outro);
}

std::string help_markdown() {
  std::string out =
      "# Configuration reference\n\n"
      "<!-- Written by `operond --help-markdown`; change core/config/options.cpp instead. -->\n\n"
      "Every option is a key of the YAML file (`operond --config FILE`), a flag and an environment variable. What counts: flag, then\n"
      "environment, then file, then default. `--set KEY=VALUE` overrides any key, plugin configuration included. Options marked with an\n"
      "asterisk are read again on SIGHUP, and so is the configuration of plugin instances; the others need a restart, and a reload says "
      "so.\n"
      "Sizes may be written as 64KiB or 32MiB, times as 500ms, 30s, 5m, 6h or 7d.\n";
  std::string section = "-";
  for (const auto& option : options()) {
    if (section_of(option) != section) {
      section = section_of(option);
      out += "\n## " + (section.empty() ? std::string("The host") : "`" + section + "`") + "\n\n";
      out += "| Key | Meaning | Value | Default | Flag | Environment |\n|---|---|---|---|---|---|\n";
    }
    std::string value = option.placeholder();
    for (size_t at = 0; (at = value.find('|', at)) != std::string::npos; at += 2) value.insert(at, "\\");
    std::string flags = "`" + option.flag() + "`";
    for (const auto& alias : alias_flags(option)) flags += ", `" + alias + "`";
    std::string variables = "`" + option.environment() + "`";
    for (const auto& alias : alias_variables(option)) variables += ", `" + alias + "`";
    out += "| `" + option.key + "`" + (option.reloadable ? " \\*" : "") + " | " + option.help +
           (option.needs_cluster ? "; without effect until a cluster is used" : "") + " | " + value + " | " + default_of(option) + " | " +
           flags + " | " + variables + " |\n";
  }
  out +=
      "\n## `plugins`\n\n"
      "A map from instance names, which routes and requests use, to `{plugin, isolation, required, config}`. A map in the file replaces "
      "the\n"
      "embedded one (`target-file`, `registry-dir`, `registry-oci`, `runner-process`); `--set` changes single members of what is in force, "
      "and\n"
      "`--set plugins.NAME=null` removes an instance.\n\n"
      "| Member | Meaning | Default |\n|---|---|---|\n"
      "| `plugin` | id of the plugin | the instance's name |\n"
      "| `isolation` | `inprocess` | `inprocess` |\n"
      "| `required` | the host is not ready without it | `false` |\n"
      "| `config` | the plugin's own configuration, checked against its schema; see the plugin's README | `{}` |\n";
  return out;
}

}  // namespace operon::config
