#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "operon/yaml/yaml.hpp"
#include "tests/unit/base/temporary_folder.hpp"
#include "tests/unit/kubeconfig/samples.hpp"

namespace operon::kubeconfig {
namespace {

using nlohmann::json;

json flat(const Kubeconfig& config, const std::string& context) {
  return yaml::load(config.flatten(context), "flat").value;
}

TEST_CASE("one context is cut out with its cluster and its user") {
  auto config = Kubeconfig::parse(two_contexts, "f.yaml");
  CHECK(flat(config, "dev") == json::parse(R"({"apiVersion":"v1","kind":"Config","current-context":"dev",
    "clusters":[{"name":"dev-cluster","cluster":{"server":"https://dev.example:6443","certificate-authority-data":"Zm9v"}}],
    "contexts":[{"name":"dev","context":{"cluster":"dev-cluster","user":"dev-user","namespace":"apps"}}],
    "users":[{"name":"dev-user","user":{"token":"canary-dev-token"}}]})"));
  // A password of digits stays text for the strict readers of this file.
  CHECK(flat(config, "prod")["users"][0]["user"] == json::parse(R"({"username":"admin","password":"1234"})"));
  CHECK(flat(config, "prod")["clusters"][0]["cluster"]["insecure-skip-tls-verify"] == true);
  CHECK(config.flatten("prod").find("canary") == std::string::npos);
  CHECK(flat(Kubeconfig::parse(config.flatten("dev"), "again"), "dev") == flat(config, "dev"));
}

TEST_CASE("files it names are written in, relative to its own folder") {
  base::TemporaryFolder folder;
  std::filesystem::create_directory(folder.path() / "pki");
  folder.write("pki/ca.crt", "CA");
  folder.write("pki/client.crt", "CRT");
  folder.write("pki/client.key", "KEY");
  folder.write("token", " t0ken\n");
  auto file =
      folder.write("config", one("{server: https://a, certificate-authority: pki/ca.crt}",
                                 "{client-certificate: ./pki/client.crt, client-key: " + (folder.path() / "pki/client.key").string() +
                                     ", tokenFile: token, token: old}"));
  json out = flat(Kubeconfig::load(file), "x");
  CHECK(out["clusters"][0]["cluster"] == json::parse(R"({"server":"https://a","certificate-authority-data":"Q0E="})"));
  CHECK(out["users"][0]["user"] == json::parse(R"({"client-certificate-data":"Q1JU","client-key-data":"S0VZ","token":"t0ken"})"));
}

TEST_CASE("what names a file is not self-contained") {
  const auto alone = [](const std::string& cluster, const std::string& user) {
    return Kubeconfig::parse(one(cluster, user), "f", Trust::host_files()).self_contained("x");
  };
  CHECK(alone("{server: https://a, certificate-authority-data: Zm9v}", "{token: t}"));
  CHECK_FALSE(alone("{server: https://a, certificate-authority: ca.crt}", "{token: t}"));
  for (const char* key : {"client-certificate", "client-key", "tokenFile"})
    CHECK_FALSE(alone("{server: https://a}", "{token: t, " + std::string(key) + ": file}"));
}

TEST_CASE("data that is there wins over a path, which is then not read") {
  auto config = Kubeconfig::parse(one("{server: https://a, certificate-authority: /none, certificate-authority-data: Zm9v}", "{}"), "f",
                                  Trust::host_files());
  CHECK(flat(config, "x")["clusters"][0]["cluster"] == json::parse(R"({"server":"https://a","certificate-authority-data":"Zm9v"})"));
}

TEST_CASE("a credential program beside its file is named by its whole path, one in PATH by its name") {
  base::TemporaryFolder folder;
  const auto command = [&](const std::string& written) {
    auto file = folder.write("config", one("{server: https://a}", "{exec: {command: " + written + "}}"));
    return flat(Kubeconfig::load(file), "x")["users"][0]["user"]["exec"]["command"].get<std::string>();
  };
  CHECK(command("./bin/login") == (folder.path() / "bin/login").string());
  CHECK(command("bin/login") == (folder.path() / "bin/login").string());
  CHECK(command("login") == "login");
  CHECK(command("/bin/login") == "/bin/login");
}

TEST_CASE("in a file of the host's own an unfinished entry is refused alone") {
  base::TemporaryFolder folder;
  auto file = folder.write("config",
                           "clusters: [{name: c, cluster: {server: https://a}}, {name: empty}]\n"
                           "users: [{name: bad, user: {token: [x]}}]\n"
                           "contexts: [{name: none, context: {namespace: n}}, {name: half, context: {cluster: empty}},\n"
                           " {name: user, context: {cluster: c, user: bad}}, {name: x, context: {cluster: c}}]\n");
  const auto config = Kubeconfig::load(file);
  CHECK(config.contexts().size() == 4);
  CHECK(flat(config, "x")["clusters"][0]["cluster"]["server"] == "https://a");
  const std::string where = file.string();
  CHECK(refusal([&] { config.flatten("none"); }) == "context 'none' (" + where + ":3): `cluster` is missing");
  CHECK(refusal([&] { config.flatten("half"); }) == "cluster 'empty' (" + where + ":1): `server` is missing");
  CHECK(refusal([&] { config.flatten("user"); }) == "user 'bad' (" + where + ":2): `token` must be text");
}

TEST_CASE("what cannot be made self-contained says which part is missing") {
  base::TemporaryFolder folder;
  auto refused = [&](const std::string& cluster, const std::string& user) {
    auto file = folder.write("config", one(cluster, user));
    std::string text = refusal([&] { Kubeconfig::load(file).flatten("x"); });
    const std::string path = folder.path().string();
    for (size_t at = text.find(path); at != std::string::npos; at = text.find(path)) text.replace(at, path.size(), "F");
    return text;
  };
  CHECK(refused("{server: https://a, certificate-authority: none.crt}", "{}") ==
        "cluster 'c' (F/config:1): `certificate-authority`: F/none.crt: No such file or directory");
  CHECK(refused("{server: https://a}", "{client-key: .}") == "user 'u' (F/config:3): `client-key`: F/.: not a regular file");
  folder.write("big", std::string(2'000'000, 'x'));
  CHECK(refused("{server: https://a}", "{tokenFile: big}") == "user 'u' (F/config:3): `tokenFile`: F/big: larger than 1048576 bytes");
  REQUIRE(::mkfifo((folder.path() / "fifo").c_str(), 0600) == 0);
  CHECK(refused("{server: https://a}", "{tokenFile: fifo}") == "user 'u' (F/config:3): `tokenFile`: F/fifo: not a regular file");
  auto config = Kubeconfig::parse("clusters: []\ncontexts: [{name: x, context: {cluster: gone}}]", "f");
  CHECK(refusal([&] { config.flatten("x"); }) == "context 'x' (f:2): its cluster 'gone' is not there");
  CHECK(refusal([&] { config.flatten("y"); }) == "no context 'y'");
  auto no_user = Kubeconfig::parse(
      "clusters: [{name: c, cluster: {server: https://a}}]\ncontexts: [{name: x, context: {cluster: c, user: gone}}]", "f");
  CHECK(refusal([&] { no_user.flatten("x"); }) == "context 'x' (f:2): its user 'gone' is not there");
}

TEST_CASE("the files that kubectl would read") {
  ::setenv("KUBECONFIG", "/a:/b::/c", 1);
  CHECK(default_files() == std::vector<std::filesystem::path>{"/a", "/b", "/c"});
  ::unsetenv("KUBECONFIG");
  ::setenv("HOME", "/home/joe", 1);
  CHECK(default_files() == std::vector<std::filesystem::path>{"/home/joe/.kube/config"});
}

}  // namespace
}  // namespace operon::kubeconfig
