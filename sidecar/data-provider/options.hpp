/// data-provider/options.hpp: what the command line says.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "cluster_pool.hpp"
#include "core/log/log.hpp"
#include "eagerness.hpp"
#include "kubectl.hpp"
#include "listing.hpp"

namespace operon::data_provider {

struct CallLimits {
  size_t calls_max = 64;                    ///< going on at once
  size_t request_bytes_max = 1'536u << 10;  ///< of one message: a kubeconfig of 1 MiB in base64 and what goes with it
  size_t kubectl_calls_max = 4;
  size_t streams_max = 64;                                   ///< open at once: Watch of the health service, ServerReflectionInfo
  std::chrono::seconds call_s_default{30}, call_s_max{300};  ///< for callers without a deadline, and for those whose is far away
};

struct Options {
  std::vector<std::string> listen = {"localhost:50051"};  ///< HOST:PORT or unix:PATH
  ClusterPoolLimits clusters;
  ListingLimits listing;
  KubectlSettings kubectl;
  CallLimits calls;
  EagernessLimits eagerness;
  std::chrono::seconds drain{10};
  log::Level log_level = log::Level::info;
  log::Format log_format = log::Format::automatic;
};

/// False when all is said already (--help, --version, a mistake): `exit_code` is what to end with.
bool parse_options(int argc, char** argv, Options&, int& exit_code);

}  // namespace operon::data_provider
