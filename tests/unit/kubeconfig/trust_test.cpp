#include <catch2/catch.hpp>

#include "tests/unit/kubeconfig/samples.hpp"

namespace operon::kubeconfig {
namespace {

std::string parse_refusal(const std::string& text, Trust trust = {}) {
  return refusal([&] { Kubeconfig::parse(text, "body", trust); });
}

TEST_CASE("what a user sent may run no program") {
  const std::string text = one("{server: https://a}", "{exec: {command: /bin/canary, args: [canary]}}");
  CHECK(parse_refusal(text) == "user 'u' (body:3): `exec` names a program, which is not run from here; use a token or a certificate");
  CHECK(parse_refusal(text, {.exec = true}) == "accepted");
  CHECK(parse_refusal(one("{server: https://a}", "{auth-provider: {name: gcp}}")) != "accepted");
}

TEST_CASE("what a user sent may name no file") {
  for (const char* key : {"client-certificate", "client-key", "tokenFile"}) {
    const std::string text = one("{server: https://a}", std::string("{") + key + ": /var/run/canary}");
    CHECK(parse_refusal(text) ==
          "user 'u' (body:3): `" + std::string(key) + "` names a file, which is not read from here; write its content in");
    CHECK(parse_refusal(text, {.files = true}) == "accepted");
  }
  CHECK(parse_refusal(one("{server: https://a, certificate-authority: /etc/shadow}", "{}")) != "accepted");
}

TEST_CASE("what a user sent may name no link-local or metadata address, in whatever spelling") {
  for (const char* server :
       {"http://169.254.169.254", "https://169.254.0.1:6443/x", "http://user@169.254.169.254/", "http://0xa9fea9fe", "http://2852039166",
        "http://0251.0376.0251.0376", "http://169.254.43518", "https://[fe80::1%25eth0]:6443", "https://[::ffff:169.254.169.254]",
        "https://[::ffff:a9fe:a9fe]", "https://[64:ff9b::a9fe:a9fe]", "https://[fd00:ec2::254]", "http://metadata.google.internal./",
        "http://METADATA.google.internal", "http://100.100.100.200", "http://168.63.129.16"}) {
    INFO(server);
    CHECK(parse_refusal(one("{server: \"" + std::string(server) + "\"}", "{}")) ==
          "cluster 'c' (body:1): `server` is a link-local or metadata address, which is not asked from here");
    CHECK(parse_refusal(one("{server: \"" + std::string(server) + "\"}", "{}"), {.link_local = true}) == "accepted");
  }
  CHECK(parse_refusal(one("{server: https://a, proxy-url: \"http://169.254.169.254\"}", "{}")) != "accepted");
}

TEST_CASE("ordinary servers are served") {
  for (const char* server :
       {"https://127.0.0.1:6443", "https://10.0.0.1", "https://[::1]:6443", "https://api.example.com:6443",
        "https://kubernetes.default.svc", "http://169.253.1.1", "https://[fd00::1]", "https://169.254.169.254.example.com"}) {
    INFO(server);
    CHECK(parse_refusal(one("{server: \"" + std::string(server) + "\"}", "{}")) == "accepted");
  }
}

}  // namespace
}  // namespace operon::kubeconfig
