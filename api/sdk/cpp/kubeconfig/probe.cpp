#include "operon/kubeconfig/probe.hpp"

#include <nlohmann/json.hpp>

#include "operon/base64.hpp"
#include "operon/yaml/yaml.hpp"

namespace operon::kubeconfig {
namespace {

constexpr int probe_timeout_ms = 5'000;
constexpr size_t probe_body_bytes_max = 65'536;

}  // namespace

nlohmann::json probe_request(const std::string& flattened_kubeconfig) {
  const auto document = operon::yaml::load(flattened_kubeconfig, "kubeconfig", {.bytes_max = 8u << 20, .text_bytes_max = 8u << 20});
  const auto& cluster = document.value.at("clusters").at(0).at("cluster");
  std::string server = cluster.at("server").get<std::string>();
  while (server.ends_with('/')) server.pop_back();
  nlohmann::json request{
      {"url", server + "/version"}, {"timeoutMs", probe_timeout_ms}, {"bodyBytesMax", probe_body_bytes_max}, {"followRedirects", false}};
  // A server that is known under another name than its URL's cannot be checked by the host's client; nothing secret is sent to it.
  const auto insecure = cluster.find("insecure-skip-tls-verify");
  const bool skip = (insecure != cluster.end() && insecure->is_boolean() && insecure->get<bool>()) || cluster.contains("tls-server-name");
  if (skip) {
    request["skipTls"] = true;
  } else if (auto data = cluster.value("certificate-authority-data", std::string()); !data.empty()) {
    request["caBundle"] = base64_decode(data).value_or("");
  }
  return request;
}

}  // namespace operon::kubeconfig
