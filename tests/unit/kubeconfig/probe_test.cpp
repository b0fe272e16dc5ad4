#include "operon/kubeconfig/probe.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

namespace operon::kubeconfig {
namespace {

nlohmann::json request(const std::string& cluster) {
  return probe_request("clusters: [{name: c, cluster: " + cluster + "}]\ncontexts: []\n");
}

TEST_CASE("the probe asks for the version, with the cluster's own trust and no credentials") {
  auto plain = request("{server: \"https://a:6443/\"}");
  CHECK(plain["url"] == "https://a:6443/version");
  CHECK_FALSE(plain.contains("skipTls"));
  CHECK_FALSE(plain.contains("headers"));
  CHECK(request("{server: https://a, certificate-authority-data: \"Q0E=\"}")["caBundle"] == "CA");
  CHECK(request("{server: https://a, insecure-skip-tls-verify: true}")["skipTls"] == true);
  CHECK_FALSE(request("{server: https://a, insecure-skip-tls-verify: false}").contains("skipTls"));
}

}  // namespace
}  // namespace operon::kubeconfig
