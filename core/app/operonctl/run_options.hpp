/// core/app/operonctl/run_options.hpp: what `operonctl run` was told.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/app/operonctl/registry_choice.hpp"
#include "core/app/operonctl/run_values.hpp"

namespace operon::ctl {

struct RunOptions {
  std::string scenario, provider, runner, idempotency_key;
  std::vector<std::string> clusters;  ///< one run on each; empty = the only one there is, else localhost
  RegistryChoice registry;
  std::string target_id;  ///< empty = a new target request is made
  std::string digest;     ///< that the scenario was shown with; empty = whatever it has now
  Values values;          ///< of --set
  LocalFiles files;
  int64_t timeout_seconds = 0;
  bool follow = false, wait = false, dry_run = false;

  std::string from_file;
  Values file_values;       ///< of the file; those of --set count more
  std::string file_folder;  ///< relative paths of the file's values begin there
};

/// Reads options.from_file (YAML or JSON) and adds what the command line left open. Throws Error(invalid_argument) "FILE:LINE: what" for an
/// unknown key or a value of the wrong kind.
void add_run_file(RunOptions&);

}  // namespace operon::ctl
