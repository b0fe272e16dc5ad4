/// core/app/operonctl/commands.hpp: one function a command. Each returns the process's exit code.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/app/operonctl/registry_choice.hpp"
#include "core/app/operonctl/run_options.hpp"
#include "core/app/operonctl/settings.hpp"

namespace operon::ctl {

/// Exit codes. A run that failed is not a command that failed: it has codes of its own.
enum Exit : int {
  exit_ok = 0,
  exit_refused = 1,       ///< the server refused, or the thing is not there
  exit_usage = 2,         ///< the command line is wrong
  exit_unreachable = 3,   ///< no answer from the server
  exit_run_failed = 10,   ///< --wait or --follow: the run ended Failed
  exit_run_stopped = 11,  ///< --wait or --follow: the run ended Stopped
};

struct JobsOptions {
  std::string status, scenario, cluster;
  unsigned limit = 0;
  bool watch = false;
};

struct LogsOptions {
  std::string id;
  bool follow = false, timestamps = false;
  std::string tail;  ///< lines; empty = all
};

int targets(const Settings&);
int clusters(const Settings&, const std::string& target_id);
int scenarios(const Settings&, const RegistryChoice&, const std::string& word);
int scenario(const Settings&, const std::string& name, const RegistryChoice&, bool globals);
int run(const Settings&, RunOptions);
int jobs(const Settings&, const JobsOptions&);
int job(const Settings&, const std::string& id);
int logs(const Settings&, const LogsOptions&);
int stop(const Settings&, const std::string& id);
int stop_all(const Settings&);
int freeze(const Settings&, const std::string& reason, bool stop_all);
int unfreeze(const Settings&);
int status(const Settings&);
int version(const Settings&);
int plugin_list(const Settings&);

int plugin_call(const std::string& library, const std::string& interface_id, const std::string& verb, const std::string& request,
                const std::string& config, int64_t timeout_ms);
int plugin_new(const std::string& dir, const std::string& kind, const std::string& name);
int plugin_validate(const std::string& library, const std::string& config);

}  // namespace operon::ctl
