#include <curl/curl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>

#include "core/app/operonctl/commands.hpp"
#include "core/app/operonctl/completion.hpp"
#include "core/app/operonctl/usage.hpp"
#include "core/base/files.hpp"
#include "operon/error.hpp"

namespace operon::ctl {
namespace {

constexpr const char* exit_codes =
    "Exit codes: 0 done; 1 refused or not found; 2 wrong command line; 3 no answer from the server;\n"
    "of 'run' with --wait or --follow: 10 the run ended Failed, 11 the run ended Stopped.";
constexpr const char* settings_order =
    "Settings: flag > environment (OPERON_SERVER, OPERON_TOKEN, OPERON_TOKEN_FILE, OPERON_CA_FILE, OPERONCTL_CONFIG,\n"
    "NO_COLOR) > $XDG_CONFIG_HOME/operon/operonctl.yaml (server, token_file, ca_file) > http://127.0.0.1:8080.";
constexpr const char* private_registry_footer =
    "Private registry: operonctl scenarios --registry-url registry.example.org --repository team/scenarios --username ann";
constexpr const char* run_footer =
    "On a terminal, required values that are missing are asked for; elsewhere, and with --no-input, they are an error.\n"
    "Keys of --from-file: scenario, cluster or clusters, provider, targetId, registry, runner, timeoutSeconds, digest, idempotencyKey,\n"
    "values (by variable), files (path, mountPath), registryUrl, scenarioRepository, username, passwordFile, registryTokenFile,\n"
    "insecure, skipTls. Its relative paths begin in its folder.\n"
    "Example: operonctl run cpu-hog --set DURATION=20 --follow";
constexpr const char* command_footer =
    "Every command also takes --server, --token-file, --ca-file, --config, -o, --no-input and --no-color; see 'operonctl --help'.";

/// A number that the host would refuse is refused here, by the name of the flag.
CLI::Validator whole_number(int64_t least) {
  return CLI::Validator(
      [least](std::string& text) {
        int64_t value = 0;
        if (CLI::detail::lexical_cast(text, value) && value >= least) return std::string{};
        return "must be a whole number from " + std::to_string(least) + " up, not '" + text + "'";
      },
      "");
}

/// The command line: what was typed goes into these members, what is to be done into `action`.
struct CommandLine {
  Settings settings;
  std::string output, token_file;
  bool no_color = false;
  std::function<int()> action;

  std::string word, reason, shell;
  RegistryChoice registry;
  bool globals = false;
  RunOptions run_options;
  std::vector<std::string> files, set;
  JobsOptions jobs_options;
  LogsOptions logs_options;
  bool all = false;
  std::string library, interface_id, verb, request = "{}", config = "{}", kind, name;
  int64_t timeout_ms = 30000;
};

void add_global(CLI::App& app, CommandLine& c) {
  app.add_option("--server", c.settings.server, "Address of operond, as in http://127.0.0.1:8080")->type_name("URL");
  app.add_option("--token-file", c.token_file, "File with the bearer token")->type_name("FILE");
  app.add_option("--ca-file", c.settings.ca_file, "PEM certificates that the server's is checked against")->type_name("FILE");
  app.add_option("--config", c.settings.config_file, "Configuration file of operonctl")->type_name("FILE");
  app.add_option("-o,--output", c.output, "table, wide, json, yaml or name; default: table")->type_name("FORMAT");
  app.add_flag("--no-input", c.settings.no_input, "Never ask, also on a terminal");
  app.add_flag("--no-color", c.no_color, "No colour, also on a terminal");
  app.set_version_flag("-V,--version", "operonctl " OPERON_VERSION, "Print the version of operonctl and exit");
  app.fallthrough();
  app.footer(std::string(exit_codes) + "\n" + settings_order);
}

void add_registry(CLI::App& command, RegistryChoice& r) {
  command.add_option("--registry", r.instance, "Registry instance of the host")->type_name("NAME");
  command.add_option("--registry-url", r.url, "A private registry, as in registry.example.org:5000")->type_name("HOST");
  command.add_option("--repository", r.repository, "Its repository, as in team/scenarios")->type_name("PATH");
  command.add_option("--username", r.username, "Its user; without a file, the password is asked for on a terminal")->type_name("NAME");
  command.add_option("--password-file", r.password_file, "File with that user's password")->type_name("FILE");
  command.add_option("--registry-token-file", r.token_file, "File with a bearer token for it")->type_name("FILE");
  command.add_flag("--insecure", r.insecure, "It speaks plain http");
  command.add_flag("--skip-tls", r.skip_tls, "Its certificate is not checked");
}

void add_catalogue(CLI::App& app, CommandLine& c) {
  auto* targets_command = app.add_subcommand("targets", "Ask every provider for its clusters (a new target request)");
  targets_command->callback([&c] { c.action = [&c] { return targets(c.settings); }; });
  auto* clusters_command = app.add_subcommand("clusters", "Clusters of a target request, or of a new one");
  clusters_command->add_option("ID", c.word, "Target request")->type_name("");
  clusters_command->callback([&c] { c.action = [&c] { return clusters(c.settings, c.word); }; });
  auto* scenarios_command = app.add_subcommand("scenarios", "Scenarios of the registries");
  scenarios_command->add_option("WORD", c.word, "Only those with this word in name, title or description")->type_name("");
  add_registry(*scenarios_command, c.registry);
  scenarios_command->callback([&c] { c.action = [&c] { return scenarios(c.settings, c.registry, c.word); }; });
  scenarios_command->footer(std::string(private_registry_footer) +
                            "\nThe list of a private registry has names only: a WORD is looked for in those.");
  auto* scenario_command = app.add_subcommand("scenario", "One scenario and its fields");
  scenario_command->add_option("NAME", c.word, "Scenario")->type_name("")->required();
  scenario_command->add_flag("--globals", c.globals, "Also the fields that it has from its base");
  add_registry(*scenario_command, c.registry);
  scenario_command->callback([&c] { c.action = [&c] { return scenario(c.settings, c.word, c.registry, c.globals); }; });
  scenario_command->footer(private_registry_footer);
}

int run_with_files(CommandLine& c) {
  for (const std::string& file : c.files) {
    const size_t colon = file.rfind(':');
    if (colon == std::string::npos || colon == 0 || file.compare(colon + 1, 1, "/") != 0)
      throw Error{Code::invalid_argument, "--file '" + file + "' must read LOCAL:/MOUNT/PATH"};
    c.run_options.files.emplace_back(file.substr(0, colon), file.substr(colon + 1));
  }
  c.run_options.values = assignments(c.set);
  return run(c.settings, c.run_options);
}

void add_run(CLI::App& app, CommandLine& c) {
  auto* command = app.add_subcommand("run", "Start a run of a scenario");
  RunOptions& o = c.run_options;
  auto* name = command->add_option("NAME", o.scenario, "Scenario of the registry, or a container image reference")->type_name("");
  command->add_option("--set", c.set, "Value of a field, by its variable; of a file field: a local path; repeatable")
      ->type_name("VARIABLE=VALUE")
      ->allow_extra_args(false);
  command->add_option("--file", c.files, "A local file, and where the run finds it; repeatable")
      ->type_name("LOCAL:/MOUNT/PATH")
      ->allow_extra_args(false);
  auto* from_file =
      command->add_option("--from-file", o.from_file, "The run as YAML or JSON; the command line counts more")->type_name("FILE");
  command->add_option("--cluster", o.clusters, "Cluster; repeatable: a run on each; default: the only one, else localhost")
      ->type_name("NAME")
      ->allow_extra_args(false);
  command->add_option("--provider", o.provider, "Target provider instance, when two offer the cluster")->type_name("NAME");
  auto* target = command->add_option("--target-id", o.target_id, "An existing target request; default: a new one")->type_name("ID");
  add_registry(*command, o.registry);
  command->add_option("--digest", o.digest, "Run it only if this is still its digest; of an image, run exactly that one")
      ->type_name("DIGEST");
  command->add_option("--runner", o.runner, "Job runner instance")->type_name("NAME");
  command->add_option("--timeout-seconds", o.timeout_seconds, "End the run after this time")->check(whole_number(1))->type_name("N");
  auto* key = command->add_option("--idempotency-key", o.idempotency_key, "Repeating the command with this key starts nothing twice")
                  ->type_name("KEY");
  command->add_flag("--dry-run", o.dry_run,
                    "Show the request and what would come of it; start nothing (without --target-id: it makes a target request)");
  command->add_flag("--follow,-f", o.follow, "Show the log until the run has ended");
  command->add_flag("--wait,-w", o.wait, "Wait until the run has ended");
  command->footer(run_footer);
  command->callback([&c, name, from_file, target, key] {
    if (name->empty() && from_file->empty()) throw CLI::RequiredError("NAME or --from-file");
    if (!key->empty() && target->empty() && from_file->empty()) throw CLI::RequiresError(key->get_name(), target->get_name());
    c.action = [&c] { return run_with_files(c); };
  });
}

void add_jobs(CLI::App& app, CommandLine& c) {
  auto* jobs_command = app.add_subcommand("jobs", "Runs, newest first");
  jobs_command->add_option("--status", c.jobs_options.status, "Pending, Running, Succeeded, Failed or Stopped")->type_name("STATUS");
  jobs_command->add_option("--scenario", c.jobs_options.scenario, "Only of this scenario")->type_name("NAME");
  jobs_command->add_option("--cluster", c.jobs_options.cluster, "Only on this cluster")->type_name("NAME");
  jobs_command->add_option("--limit", c.jobs_options.limit, "At most so many; 0: all; default: all")
      ->check(whole_number(0))
      ->type_name("N");
  jobs_command->add_flag("--watch,-w", c.jobs_options.watch, "Go on showing changes");
  jobs_command->callback([&c] { c.action = [&c] { return jobs(c.settings, c.jobs_options); }; });
  auto* job_command = app.add_subcommand("job", "One run");
  job_command->add_option("ID", c.word, "Job id")->type_name("")->required();
  job_command->callback([&c] { c.action = [&c] { return job(c.settings, c.word); }; });
  auto* logs_command = app.add_subcommand("logs", "The log of a run");
  logs_command->add_option("ID", c.logs_options.id, "Job id")->type_name("")->required();
  logs_command->add_flag("-f,--follow", c.logs_options.follow, "Go on until the run has ended");
  logs_command->add_flag("--timestamps", c.logs_options.timestamps, "With the time before each line");
  logs_command->add_option("--tail", c.logs_options.tail, "Only the last N lines")->check(whole_number(0))->type_name("N");
  logs_command->callback([&c] { c.action = [&c] { return logs(c.settings, c.logs_options); }; });
  auto* stop_command = app.add_subcommand("stop", "Stop a run and undo it, or all of them");
  auto* id = stop_command->add_option("ID", c.word, "Job id")->type_name("");
  stop_command->add_flag("--all", c.all, "Every run that has not ended")->excludes(id);
  stop_command->callback([&c] {
    if (c.word.empty() && !c.all) throw CLI::RequiredError("ID or --all");
    c.action = [&c] { return c.all ? stop_all(c.settings) : stop(c.settings, c.word); };
  });
}

void add_host(CLI::App& app, CommandLine& c) {
  auto* freeze_command = app.add_subcommand("freeze", "Let no new run start until unfreeze, also across restarts");
  freeze_command->add_option("--reason", c.reason, "Shown to whoever tries to start a run; default: who froze it")->type_name("TEXT");
  freeze_command->add_flag("--stop-all", c.all, "Stop all runs too, and say how long that took");
  freeze_command->callback([&c] { c.action = [&c] { return freeze(c.settings, c.reason, c.all); }; });
  app.add_subcommand("unfreeze", "Let runs start again")->callback([&c] { c.action = [&c] { return unfreeze(c.settings); }; });
  app.add_subcommand("status", "The host at a glance")->callback([&c] { c.action = [&c] { return status(c.settings); }; });
  app.add_subcommand("version", "Versions of operonctl and operond")->callback([&c] { c.action = [&c] { return version(c.settings); }; });
  auto* completion_command = app.add_subcommand("completion", "A completion script for bash, zsh or fish");
  completion_command->add_option("SHELL", c.shell, "bash, zsh or fish")->type_name("")->required();
  completion_command->callback([&c, &app] {
    c.action = [&c, &app] {
      std::fputs(completion_script(app, c.shell).c_str(), stdout);
      return static_cast<int>(exit_ok);
    };
  });
}

void add_plugin(CLI::App& app, CommandLine& c) {
  auto* plugin = app.add_subcommand("plugin", "Plugins: list them, make one, try one, check one");
  plugin->require_subcommand(1);
  plugin->add_subcommand("list", "The host's plugin instances")->callback([&c] { c.action = [&c] { return plugin_list(c.settings); }; });
  auto* make = plugin->add_subcommand("new", "A plugin project that builds against the installed package");
  make->add_option("DIR", c.word, "Folder to make")->type_name("")->required();
  make->add_option("--kind", c.kind, "job-runner, target-provider or scenario-registry")->required()->type_name("KIND");
  make->add_option("--name", c.name, "Plugin id; default: the folder's name")->type_name("ID");
  make->callback([&c] { c.action = [&c] { return plugin_new(c.word, c.kind, c.name); }; });
  auto* call = plugin->add_subcommand("call", "Run one verb of a plugin library, without a host");
  call->add_option("LIBRARY", c.library, "The .so")->type_name("")->required();
  call->add_option("INTERFACE", c.interface_id, "As in operon.job-runner/1")->type_name("")->required();
  call->add_option("VERB", c.verb, "As in list")->type_name("")->required();
  call->add_option("JSON", c.request, "The request; default {}")->type_name("");
  call->add_option("--plugin-config", c.config, "The instance's configuration; default {}")->type_name("JSON");
  call->add_option("--timeout-ms", c.timeout_ms, "Deadline of the call; default 30000")->check(whole_number(1))->type_name("N");
  call->callback([&c] { c.action = [&c] { return plugin_call(c.library, c.interface_id, c.verb, c.request, c.config, c.timeout_ms); }; });
  auto* validate = plugin->add_subcommand("validate", "Check a plugin library in child processes");
  validate->add_option("LIBRARY", c.library, "The .so")->type_name("")->required();
  validate->add_option("--plugin-config", c.config, "A configuration that the plugin can work with; default {}")->type_name("JSON");
  validate->callback([&c] { c.action = [&c] { return plugin_validate(c.library, c.config); }; });
}

/// What all commands share: options of operonctl may follow them, and their help says so.
void prepare_commands(CLI::App& app) {
  const std::string inherited = app.get_footer();
  for (CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    sub->fallthrough();
    prepare_commands(*sub);
    const std::string own = sub->get_footer() == inherited ? "" : sub->get_footer() + "\n";
    sub->footer(own + command_footer + "\n" + exit_codes);
  }
}

int exit_code(const Error& e) {
  if (e.code() == Code::invalid_argument) return exit_usage;
  return std::string(e.what()).rfind("no answer from ", 0) == 0 ? exit_unreachable : exit_refused;
}

void finish_settings(CommandLine& c) {
  c.settings.output = output_from_string(c.output);
  const char* no_color = std::getenv("NO_COLOR");
  c.settings.colour = !c.no_color && !(no_color && *no_color) && isatty(STDOUT_FILENO) != 0;
  if (!c.token_file.empty()) {
    c.settings.token = base::read_file(c.token_file, 4096);
    c.settings.token.erase(c.settings.token.find_last_not_of(" \r\n") + 1);
  }
  complete(c.settings);
}

int main_of(int argc, char** argv) {
  CLI::App app{"operonctl: starts, follows and stops runs on an operon host", "operonctl"};
  CommandLine c;
  add_global(app, c);
  add_catalogue(app, c);
  add_run(app, c);
  add_jobs(app, c);
  add_host(app, c);
  add_plugin(app, c);
  app.require_subcommand(1);
  prepare_commands(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);
    std::fprintf(stderr, "%s\n", usage_error(app, e).c_str());
    return exit_usage;
  }
  try {
    finish_settings(c);
    return c.action();
  } catch (const Error& e) {
    std::fprintf(stderr, "operonctl: %s\n", e.what());
    return exit_code(e);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "operonctl: unexpected answer: %s\n", e.what());
    return exit_refused;
  }
}

}  // namespace
}  // namespace operon::ctl

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_DFL);  // `operonctl logs ID | head` ends quietly
  curl_global_init(CURL_GLOBAL_DEFAULT);
  return operon::ctl::main_of(argc, argv);
}
