/// core/kube/config.hpp: which API server, trusted by what, and who we are there.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace operon::kube {

/// A program that hands out credentials (client.authentication.k8s.io). Run without a shell, from the host's own kubeconfig only.
struct ExecPlugin {
  std::string command;
  std::vector<std::string> args;
  std::vector<std::pair<std::string, std::string>> env;
  std::string api_version;    ///< client.authentication.k8s.io/v1 or v1beta1
  std::string install_hint;   ///< what to tell when the program is missing
  bool cluster_info = false;  ///< it wants to know the cluster (KUBERNETES_EXEC_INFO)
};

/// One cluster and one identity. Of a value and a file the file wins; files are read again when they change.
struct ClusterConfig {
  std::string server;  ///< "https://host:port", perhaps with a path
  std::string ca_pem;
  std::filesystem::path ca_file;
  std::string client_certificate_pem, client_key_pem;
  std::filesystem::path client_certificate_file, client_key_file;
  std::string token;
  std::filesystem::path token_file;
  std::optional<ExecPlugin> exec;
  std::string tls_server_name;  ///< the name in the server's certificate when it is not the one in `server`
  std::string proxy_url;        ///< empty = https_proxy and no_proxy of the environment
  bool insecure = false;        ///< accept any certificate of the server
  bool link_local = true;       ///< connect to link-local and cloud metadata addresses; false also for what a name turns out to stand for
  std::string name_space;       ///< where to work when nothing else is said; never empty
  std::string method;           ///< how this was found and how we log in, for the log: never a credential
};

struct ConfigChoice {
  std::filesystem::path kubeconfig;  ///< explicit; empty = in-cluster, $KUBECONFIG, ~/.kube/config, in this order
  std::string context;               ///< empty = the kubeconfig's current one
  /// Where a pod finds its service account; tests have another one.
  std::filesystem::path service_account = "/var/run/secrets/kubernetes.io/serviceaccount";
};

/// Throws Error: not_found when there is no configuration at all (naming every place looked at), else what is wrong with the one found.
ClusterConfig resolve(const ConfigChoice& = {});

/// A kubeconfig that somebody sent: no programs, no files of ours, no credentials in the server's URL, and no link-local server unless
/// `link_local`. Only the context that is used is judged. `name` stands in messages. Throws Error.
ClusterConfig from_untrusted(std::string_view kubeconfig, const std::string& name, const std::string& context = "",
                             bool link_local = false);

}  // namespace operon::kube
