#include "options.hpp"

#include <CLI/CLI.hpp>
#include <iostream>
#include <map>

#include "operon/error.hpp"

namespace operon::data_provider {
namespace {

constexpr const char* about =
    "operon-data-provider: answers questions about clusters over gRPC (service dataprovider.DataProviderService), for the cluster whose\n"
    "kubeconfig a request carries. A request's kubeconfig is somebody else's: programs, files and link-local servers in it are refused.";

constexpr const char* footer =
    "Each flag has an environment variable, OPERON_DATA_PROVIDER_ and the flag in capitals: OPERON_DATA_PROVIDER_LISTEN.\n"
    "gRPC health and reflection are served beside it. SIGTERM: calls that are going on are answered, then it ends.";

constexpr unsigned clusters_max_most = 10'000;
constexpr unsigned seconds_most = 86'400;
constexpr unsigned nodes_age_ms_most = 60'000;

std::string variable_of(const std::string& flag) {
  std::string name = "OPERON_DATA_PROVIDER_";
  for (const char c : flag.substr(2)) name += c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
  return name;
}

std::string check_address(const std::string& address) {
  if (address.starts_with("unix:")) return address.size() > 5 ? "" : "unix: needs a path, such as unix:/run/operon/data-provider.sock";
  const auto colon = address.rfind(':');
  const std::string port = colon == std::string::npos ? "" : address.substr(colon + 1);
  const bool number =
      !port.empty() && port.size() <= 5 && port.find_first_not_of("0123456789") == std::string::npos && std::stoul(port) <= 65'535;
  return number && colon > 0 ? "" : address + " must be HOST:PORT or unix:PATH";
}

}  // namespace

bool parse_options(int argc, char** argv, Options& options, int& exit_code) {
  CLI::App app(about, "operon-data-provider");
  app.footer(footer);
  app.set_version_flag("--version", OPERON_VERSION_TEXT);
  const auto add = [&](const std::string& flag, auto& value, const char* text) {
    return app.add_option(flag, value, text)->envname(variable_of(flag))->capture_default_str();
  };
  unsigned idle_s = static_cast<unsigned>(std::chrono::duration_cast<std::chrono::seconds>(options.clusters.idle_ms_max).count());
  unsigned nodes_age_ms = static_cast<unsigned>(options.clusters.nodes.age_ms_max.count());
  unsigned drain_s = static_cast<unsigned>(options.drain.count());
  std::string kubectl = options.kubectl.program.string();
  add("--listen", options.listen, "HOST:PORT or unix:PATH; may be repeated")->check(check_address);
  app.add_flag("--allow-link-local", options.clusters.link_local, "Ask servers at link-local and cloud metadata addresses, too")
      ->envname(variable_of("--allow-link-local"));
  add("--clusters-max", options.clusters.clusters_max, "Clusters whose connections are kept")->check(CLI::Range(1u, clusters_max_most));
  add("--cluster-idle-seconds", idle_s, "Connections are closed when nobody asked for this long")->check(CLI::Range(1u, seconds_most));
  add("--nodes-max-age-ms", nodes_age_ms, "GetNodes may answer what another call listed, if it is not older; 0: each call lists")
      ->check(CLI::Range(0u, nodes_age_ms_most));
  add("--calls-max", options.calls.calls_max, "Calls going on at once; more are refused")->check(CLI::Range(1u, 10'000u));
  add("--kubectl-allow", options.kubectl.allowed,
      "A kubectl command for ExecuteKubectl (\"get\", \"rollout status\"); may be repeated. None: ExecuteKubectl is off")
      ->delimiter(',');
  add("--kubectl", kubectl, "Where kubectl is");
  add("--drain-seconds", drain_s, "How long calls may still take after SIGTERM")->check(CLI::Range(0u, seconds_most));
  std::string level = "info";
  add("--log-level", level, "trace, debug, info, warn or error");
  const std::map<std::string, log::Format> formats{
      {"auto", log::Format::automatic}, {"text", log::Format::text}, {"json", log::Format::json}};
  app.add_option("--log-format", options.log_format, "auto (text on a terminal, else JSON), text or json")
      ->transform(CLI::CheckedTransformer(formats))
      ->envname(variable_of("--log-format"));
  try {
    app.parse(argc, argv);
    options.log_level = log::level_from_string(level);
    check_allowed(options.kubectl.allowed);
  } catch (const CLI::ParseError& e) {
    exit_code = app.exit(e) == 0 ? 0 : 2;
    return false;
  } catch (const Error& e) {
    std::cerr << "operon-data-provider: " << e.what() << "\n";
    exit_code = 2;
    return false;
  }
  options.clusters.idle_ms_max = std::chrono::seconds(idle_s);
  options.clusters.nodes.age_ms_max = std::chrono::milliseconds(nodes_age_ms);
  options.drain = std::chrono::seconds(drain_s);
  options.kubectl.program = kubectl;
  options.kubectl.link_local = options.clusters.link_local;
  return true;
}

}  // namespace operon::data_provider
