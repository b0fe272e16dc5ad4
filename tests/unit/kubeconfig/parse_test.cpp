#include <catch2/catch.hpp>

#include "tests/unit/kubeconfig/samples.hpp"

namespace operon::kubeconfig {
namespace {

std::string parse_refusal(const std::string& text) {
  return refusal([&] { Kubeconfig::parse(text, "f.yaml"); });
}

TEST_CASE("contexts with their servers, in order") {
  auto config = Kubeconfig::parse(two_contexts, "f.yaml");
  auto contexts = config.contexts();
  REQUIRE(contexts.size() == 2);
  CHECK(contexts[0].name == "dev");
  CHECK(contexts[0].server == "https://dev.example:6443");
  CHECK(contexts[0].name_space == "apps");
  CHECK(contexts[0].where == "f.yaml:12");
  CHECK(contexts[1].name == "prod");
  CHECK(config.current_context() == "dev");
}

TEST_CASE("what a context tells of its server holds no credentials; what is handed to a run does") {
  auto server_of = [](const std::string& url) {
    return Kubeconfig::parse(one("{server: '" + url + "'}", "{token: a}"), "1.yaml").contexts()[0].server;
  };
  CHECK(server_of("https://user:p@ss@dev.example:6443/k8s?token=t#x") == "https://dev.example:6443/k8s");
  CHECK(server_of("https://[::1]:6443/a@b") == "https://[::1]:6443/a@b");
  CHECK(server_of("https://user@") == "https://");
  auto whole = Kubeconfig::parse(one("{server: 'https://user:pw@dev.example'}", "{token: a}"), "1.yaml");
  CHECK(whole.flatten("x").find("https://user:pw@dev.example") != std::string::npos);
}

TEST_CASE("several files merge as kubectl merges them: the first entry of a name counts, whole") {
  auto first = Kubeconfig::parse(one("{server: https://first}", "{token: a}"), "1.yaml");
  auto second = Kubeconfig::parse(R"(current-context: y
clusters: [{name: c, cluster: {server: https://second, tls-server-name: other}}, {name: d, cluster: {server: https://d}}]
contexts: [{name: x, context: {cluster: d, user: u}}, {name: y, context: {cluster: d, user: u}}]
users: [{name: u, user: {username: joe, password: p}}]
)",
                                  "2.yaml");
  first.merge(second);
  auto contexts = first.contexts();
  REQUIRE(contexts.size() == 2);
  CHECK(contexts[0].server == "https://first");
  CHECK(contexts[1].server == "https://d");
  CHECK(contexts[1].where == "2.yaml:3");
  CHECK(first.current_context() == "y");
  CHECK(first.flatten("x").find("tls-server-name") == std::string::npos);
  CHECK(first.flatten("y").find("joe") == std::string::npos);
}

TEST_CASE("within one file the first entry of a name counts too") {
  auto config = Kubeconfig::parse(
      "clusters: [{name: c, cluster: {server: https://a}}, {name: c, cluster: {server: https://b}}]\ncontexts: [{name: x, context: "
      "{cluster: c}}]",
      "f");
  CHECK(config.contexts()[0].server == "https://a");
}

TEST_CASE("what is no kubeconfig is refused with its place and without its content") {
  CHECK(parse_refusal("") == "f.yaml: not a kubeconfig: must be a map with clusters, contexts and users");
  CHECK(parse_refusal("canary") == "f.yaml: not a kubeconfig: must be a map with clusters, contexts and users");
  CHECK(parse_refusal("a: canary") == "f.yaml: not a kubeconfig: has no clusters, contexts or users");
  CHECK(parse_refusal("kind: canary\nclusters: []") == "f.yaml:1: not a kubeconfig: `kind` must be Config");
  CHECK(parse_refusal("apiVersion: v2\nclusters: []") == "f.yaml:1: not a kubeconfig: `apiVersion` must be v1");
  CHECK(parse_refusal("clusters: canary") == "f.yaml:1: `clusters` must be a list");
  CHECK(parse_refusal("clusters:\n- canary") == "f.yaml:2: an entry of `clusters` must be a map");
  CHECK(parse_refusal("users:\n- user: {token: canary}") == "f.yaml:2: an entry of `users` has no `name`");
  CHECK(parse_refusal("users:\n- name: u\n  user: canary") == "user 'u' (f.yaml:2): `user` must be a map");
  CHECK(parse_refusal("contexts:\n- name: x\n  context: {user: u}") == "context 'x' (f.yaml:2): `cluster` is missing");
  CHECK(parse_refusal(one("{}", "{}")) == "cluster 'c' (f.yaml:1): `server` is missing");
  CHECK(parse_refusal(one("{server: canary}", "{}")) == "cluster 'c' (f.yaml:1): `server` must begin with https:// or http://");
  CHECK(parse_refusal(one("{server: https://a, certificate-authority-data: canary-}", "{}")) ==
        "cluster 'c' (f.yaml:1): `certificate-authority-data` is not base64");
  CHECK(parse_refusal(one("{server: https://a}", "{token: [canary]}")) == "user 'u' (f.yaml:3): `token` must be text");
  CHECK(parse_refusal("clusters: *canary") == "f.yaml:1: not YAML: the referenced anchor is not defined");
}

TEST_CASE("an alias bomb and a huge file are refused under a limit") {
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 20; ++i) {
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int k = 0; k < 10; ++k) bomb += "*a" + std::to_string(i - 1) + ",";
    bomb += "]\n";
  }
  CHECK(parse_refusal(bomb + two_contexts).find("aliases counted") != std::string::npos);
  CHECK(parse_refusal(std::string(2'000'000, ' ')) == "f.yaml: 2000000 bytes are more than the limit of 1048576");
}

}  // namespace
}  // namespace operon::kubeconfig
