#include "core/kube/config.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "operon/error.hpp"
#include "operon/kubeconfig/kubeconfig.hpp"
#include "operon/yaml/yaml.hpp"

namespace operon::kube {
namespace {

using kubeconfig::Kubeconfig;
using nlohmann::json;
namespace fs = std::filesystem;

constexpr size_t namespace_bytes_max = 1024;

std::string text_of(const json& object, const char* member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string pem_of(const json& object, const char* member, const std::string& where) {
  const std::string packed = text_of(object, member);
  if (packed.empty()) return packed;
  auto bytes = base::base64_decode(packed);
  if (!bytes) throw Error(Code::invalid_argument, where + ": `" + member + "` is not base64").with_field(member);
  return std::move(*bytes);
}

ExecPlugin exec_of(const json& body) {
  ExecPlugin exec;
  exec.command = text_of(body, "command");
  exec.api_version = text_of(body, "apiVersion");
  exec.install_hint = text_of(body, "installHint");
  exec.cluster_info = body.value("provideClusterInfo", false);
  for (const auto& arg : body.value("args", json::array())) exec.args.push_back(arg.is_string() ? arg.get<std::string>() : arg.dump());
  const json env = body.contains("env") && body["env"].is_array() ? body["env"] : json::array();
  for (const auto& entry : env) exec.env.emplace_back(text_of(entry, "name"), text_of(entry, "value"));
  return exec;
}

std::string login_words(const ClusterConfig& config) {
  if (config.exec) return "credentials of the program " + fs::path(config.exec->command).filename().string();
  if (!config.token_file.empty()) return "token file " + config.token_file.string();
  if (!config.token.empty()) return "token";
  if (!config.client_certificate_file.empty() || !config.client_certificate_pem.empty()) return "client certificate";
  return "no credentials";
}

/// One context of a kubeconfig that holds nothing else.
ClusterConfig read_context(const std::string& yaml_text, const std::string& name) {
  const json root = yaml::load(yaml_text, name, {.bytes_max = 16u << 20, .text_bytes_max = 16u << 20}).value;
  const json& cluster = root.at("clusters").at(0).at("cluster");
  const json user = root.at("users").empty() ? json::object() : root.at("users").at(0).at("user");
  ClusterConfig config;
  config.server = text_of(cluster, "server");
  while (config.server.ends_with('/')) config.server.pop_back();
  if (config.server.empty()) throw Error(Code::failed_precondition, name + ": its cluster has no `server`");
  config.ca_pem = pem_of(cluster, "certificate-authority-data", name);
  if (config.ca_pem.empty()) config.ca_file = text_of(cluster, "certificate-authority");
  config.insecure = cluster.value("insecure-skip-tls-verify", false);
  config.tls_server_name = text_of(cluster, "tls-server-name");
  config.proxy_url = text_of(cluster, "proxy-url");
  config.client_certificate_pem = pem_of(user, "client-certificate-data", name);
  if (config.client_certificate_pem.empty()) config.client_certificate_file = text_of(user, "client-certificate");
  config.client_key_pem = pem_of(user, "client-key-data", name);
  if (config.client_key_pem.empty()) config.client_key_file = text_of(user, "client-key");
  config.token_file = text_of(user, "tokenFile");
  if (config.token_file.empty()) config.token = text_of(user, "token");
  if (user.contains("auth-provider")) {
    throw Error(Code::failed_precondition,
                name + ": `auth-provider` was removed from Kubernetes clients; use an `exec` program or a token instead");
  }
  if (!text_of(user, "username").empty()) {
    throw Error(Code::failed_precondition, name + ": user name and password are no longer a way into an API server; use a token");
  }
  if (user.contains("exec") && user["exec"].is_object()) config.exec = exec_of(user["exec"]);
  config.name_space = text_of(root.at("contexts").at(0).at("context"), "namespace");
  if (config.name_space.empty()) config.name_space = "default";
  return config;
}

ClusterConfig from_files(const std::vector<fs::path>& files, const std::string& wanted, const std::string& words) {
  Kubeconfig merged;
  for (const auto& file : files) {
    try {
      merged.merge(Kubeconfig::load(file));
    } catch (const Error& e) {
      // As kubectl: of a list, files that are not there are left out.
      if (e.code() != Code::not_found || files.size() == 1) throw;
    }
  }
  const std::string context = wanted.empty() ? merged.current_context() : wanted;
  if (context.empty()) throw Error(Code::failed_precondition, words + ": has no current-context; name the context to use");
  ClusterConfig config = read_context(merged.with_paths(context), words + ", context '" + context + "'");
  config.method = words + ", context '" + context + "', " + login_words(config);
  return config;
}

std::string first_line(const fs::path& file) {
  std::string text = base::read_file(file, namespace_bytes_max);
  text.erase(std::min(text.find_first_of(" \t\r\n"), text.size()));
  return text;
}

std::optional<ClusterConfig> in_cluster(const fs::path& folder) {
  const char* host = std::getenv("KUBERNETES_SERVICE_HOST");
  const char* port = std::getenv("KUBERNETES_SERVICE_PORT");
  std::error_code ignored;
  if (!host || !*host || !port || !*port || !fs::exists(folder / "token", ignored)) return std::nullopt;
  ClusterConfig config;
  const std::string_view address(host);
  const bool v6 = address.find(':') != std::string_view::npos;
  config.server = "https://" + (v6 ? "[" + std::string(address) + "]" : std::string(address)) + ":" + port;
  config.token_file = folder / "token";
  config.ca_file = folder / "ca.crt";
  config.name_space = fs::exists(folder / "namespace", ignored) ? first_line(folder / "namespace") : "default";
  config.method = "in-cluster service account, " + login_words(config);
  return config;
}

bool any_exists(const std::vector<fs::path>& files) {
  std::error_code ignored;
  return std::any_of(files.begin(), files.end(), [&](const fs::path& file) { return fs::exists(file, ignored); });
}

}  // namespace

ClusterConfig resolve(const ConfigChoice& choice) {
  if (!choice.kubeconfig.empty()) return from_files({choice.kubeconfig}, choice.context, "kubeconfig " + choice.kubeconfig.string());
  if (choice.context.empty()) {
    if (auto config = in_cluster(choice.service_account)) return std::move(*config);
  }
  const auto files = kubeconfig::default_files();
  if (any_exists(files)) {
    const char* list = std::getenv("KUBECONFIG");
    return from_files(files, choice.context, list && *list ? "$KUBECONFIG" : files.front().string());
  }
  std::string looked;
  for (const auto& file : files) looked += ", " + file.string();
  throw Error(Code::not_found, "no cluster configuration: no kubeconfig is configured, this is no pod with a service account (" +
                                   choice.service_account.string() + ")" + (looked.empty() ? "" : ", and there is no ") +
                                   (looked.empty() ? looked : looked.substr(2)) + "; set kubernetes.kubeconfig or $KUBECONFIG");
}

ClusterConfig from_untrusted(std::string_view text, const std::string& name, const std::string& wanted, bool link_local) {
  const Kubeconfig given = Kubeconfig::parse(text, name, {.link_local = link_local, .entries_apart = true});
  const std::string context = wanted.empty() ? given.current_context() : wanted;
  if (context.empty()) throw Error(Code::failed_precondition, name + ": has no current-context");
  ClusterConfig config = read_context(given.flatten(context), name);
  if (config.server.find_first_of("@?#") != std::string::npos) {  // the address is logged and stands in messages
    throw Error(Code::failed_precondition, name + ": `server` holds a user, a password or a query; give the address alone");
  }
  config.link_local = link_local;
  config.method = name + ", " + login_words(config);
  return config;
}

}  // namespace operon::kube
