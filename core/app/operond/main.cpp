#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <string>

#include "core/app/operond/authentication.hpp"
#include "core/app/operond/check_plugins.hpp"
#include "core/app/operond/host.hpp"
#include "core/app/operond/process.hpp"
#include "core/app/operond/quiet.hpp"
#include "core/app/operond/signals.hpp"
#include "core/base/idle_memory.hpp"
#include "core/base/scrubber.hpp"
#include "core/config/load.hpp"
#include "core/log/log.hpp"
#include "core/metrics/metrics.hpp"
#include "operon/error.hpp"

namespace {

using namespace operon;
using config::CommandLine;

constexpr int exit_failure = 1, exit_usage = 2;

log::Format format_of(const std::string& word) {
  return word == "text" ? log::Format::text : word == "json" ? log::Format::json : log::Format::automatic;
}

std::string urls(const std::vector<std::string>& addresses, bool tls) {
  std::string text;
  for (const auto& address : addresses) text += (text.empty() ? "" : ", ") + std::string(tls ? "https://" : "http://") + address;
  return text;
}

/// A note and no problem: the file may be right where the host is going to run.
void note_token_file(const config::Settings& settings, std::vector<std::string>& notices) {
  if (settings.rest.auth != "token-file" || settings.rest.token_file.empty()) return;
  try {
    app::Tokens{settings.rest.token_file};
  } catch (const Error& e) {
    notices.push_back("rest.token_file: operond would not start here: " + base::scrub(e.what()));
  }
}

int check_config(config::Loaded loaded) {
  app::check_plugins(loaded.settings, loaded.problems, loaded.notices);
  note_token_file(loaded.settings, loaded.notices);
  for (const auto& problem : loaded.problems) std::cout << problem << "\n";
  for (const auto& notice : loaded.notices) std::cout << "note: " << notice << "\n";
  if (!loaded.problems.empty()) {
    std::cout << "the configuration is not good: " << loaded.problems.size()
              << (loaded.problems.size() == 1 ? " problem\n" : " problems\n");
    return exit_failure;
  }
  const auto& file = loaded.settings.config_file;
  std::cout << "the configuration is good" << (file.empty() ? " (no file: embedded defaults)" : " (" + file + ")") << "\n";
  return 0;
}

void say_ready(const app::Host& host, const config::Settings& settings, std::chrono::steady_clock::time_point began) {
  const auto rest = urls(host.rest_addresses(), !settings.rest.tls.cert.empty());
  const auto probes = urls(host.probe_addresses(), false);
  const auto took = std::chrono::steady_clock::now() - began;
  metrics::gauge("operon_start_duration_seconds", "Time from the start of the process to readiness")
      .set(std::chrono::duration<double>(took).count());
  const auto ms = std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(took).count());
  const auto first = rest.substr(0, rest.find(','));
  log::info("ready: REST on " + rest + (probes.empty() ? "" : ", probes and metrics on " + probes) + "; try: operonctl --server " + first +
                " scenarios",
            {{"rest", rest}, {"probes", probes}, {"state_dir", settings.state_dir}, {"took_ms", ms}});
}

int serve(const CommandLine& line, const config::Surroundings& around, const config::Loaded& loaded,
          std::chrono::steady_clock::time_point began) {
  log::start(format_of(loaded.settings.log.format), log::level_from_string(loaded.settings.log.level));
  log::info("operond " OPERON_VERSION " starts", {{"pid", std::to_string(getpid())}, {"config", loaded.settings.config_file}});
  for (const auto& notice : loaded.notices) log::warn(notice);
  app::add_process_metrics(OPERON_VERSION);
  app::Signals signals;
  app::Host host(loaded.settings);
  try {
    host.start();
  } catch (const std::exception& e) {
    log::error("cannot start: " + std::string(e.what()));
    return exit_failure;
  }
  say_ready(host, loaded.settings, began);
  app::Quiet quiet;
  for (auto event = app::Signals::Event::none; event != app::Signals::Event::stop;) {
    event = signals.wait(quiet.until_next_look());
    if (event == app::Signals::Event::reload) host.reload(config::load(line, around));
    if (event == app::Signals::Event::none && quiet.due(app::cpu_seconds())) base::release_idle_memory();
  }

  const auto grace = host.drain_time();
  log::info("stopping", {{"grace_seconds", std::to_string(grace.count() / 1000)}});
  signals.must_end_within(grace);
  const bool whole = host.stop(grace - grace / 10);
  log::info(whole ? "stopped" : "stopped; some requests were cut");
  return 0;
}

int run(int argc, const char* const* argv) {
  const auto began = std::chrono::steady_clock::now();
  const auto line = config::parse_command_line(argc, argv);
  switch (line.task) {
    case CommandLine::Task::help:
      std::cout << config::help_text();
      return 0;
    case CommandLine::Task::help_markdown:
      std::cout << config::help_markdown();
      return 0;
    case CommandLine::Task::version:
      std::cout << "operond " OPERON_VERSION "\n";
      return 0;
    default:
      break;
  }
  app::prepare_process();
  const auto around = config::Surroundings::of_this_process();
  const auto loaded = config::load(line, around);
  if (line.task == CommandLine::Task::check_config) return check_config(loaded);
  if (!loaded.problems.empty()) {
    for (const auto& problem : loaded.problems) std::cerr << "operond: " << problem << "\n";
    return exit_usage;
  }
  if (line.task == CommandLine::Task::print_config) {
    auto shown = loaded.settings;
    for (auto& plugin : shown.plugins) plugin.config_json = base::scrub(plugin.config_json);
    std::cout << config::to_yaml(shown);
    return 0;
  }
  return serve(line, around, loaded, began);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const Error& e) {
    std::cerr << "operond: " << base::scrub(e.what()) << "\n";
    return e.code() == Code::invalid_argument ? exit_usage : exit_failure;
  } catch (const std::exception& e) {
    std::cerr << "operond: " << base::scrub(e.what()) << "\n";
    return exit_failure;
  }
}
