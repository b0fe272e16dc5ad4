/// data-provider/kubectl.hpp: kubectl, for the commands that the administrator allows.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace operon::data_provider {

class Cancellation;

struct KubectlSettings {
  std::filesystem::path program = "kubectl";  ///< found in PATH when it has no slash
  std::vector<std::string> allowed;           ///< "get", "rollout status"; empty = nothing is run at all
  bool link_local = false;
  size_t kubeconfig_bytes_max = 1u << 20;
  size_t stdout_bytes_max = 2u << 20;  ///< kept; the answer is base64 and stays below 4 MiB
  size_t stderr_bytes_max = 64u << 10;
  std::chrono::seconds timeout_default{30}, timeout_max{300};
};

/// Names as in proto/dataprovider.proto.
struct KubectlCommand {
  std::string command, subcommand;
  std::vector<std::string> args;
  std::vector<std::pair<std::string, std::string>> flags;
  std::vector<std::string> boolean_flags;
};

struct KubectlAnswer {
  std::string out, err;
  int exit_code = 0;
  std::string error;
};

/// Throws Error(invalid_argument) for an entry that must never be allowed: commands that read or write files, listen, or reach beyond the
/// API.
void check_allowed(const std::vector<std::string>& allowed);

/// The words after "kubectl", once everything about them is known to be harmless. Throws Error: unimplemented when nothing is allowed,
/// permission_denied for a command or flag that is not, invalid_argument for words that cannot be ones.
std::vector<std::string> kubectl_arguments(const KubectlSettings&, const KubectlCommand&);

/// Blocks. The kubeconfig reaches the program in memory, never by the file system or its arguments. Throws Error(invalid_argument) for the
/// kubeconfig, unavailable when kubectl cannot be started, cancelled.
KubectlAnswer run_kubectl(const KubectlSettings&, const std::vector<std::string>& arguments, const std::string& kubeconfig_base64,
                          std::chrono::milliseconds timeout, const Cancellation&);

}  // namespace operon::data_provider
