#include "probe.hpp"

#include "operon/error.hpp"
#include "operon/yaml/yaml.hpp"

namespace target_file {
namespace {

constexpr int probe_timeout_ms = 5'000;
constexpr size_t probe_body_bytes_max = 65'536;

/// Standard base64, line ends skipped; what is no base64 was refused when the file was read.
std::string decode(const std::string& text) {
  std::string bytes;
  uint32_t group = 0;
  int bits = 0;
  for (char c : text) {
    int value = c >= 'A' && c <= 'Z'   ? c - 'A'
                : c >= 'a' && c <= 'z' ? c - 'a' + 26
                : c >= '0' && c <= '9' ? c - '0' + 52
                : c == '+'             ? 62
                : c == '/'             ? 63
                                       : -1;
    if (value < 0) continue;
    group = group << 6 | static_cast<uint32_t>(value);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes += static_cast<char>(group >> bits & 255);
  }
  return bytes;
}

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
    request["caBundle"] = decode(data);
  }
  return request;
}

}  // namespace target_file
