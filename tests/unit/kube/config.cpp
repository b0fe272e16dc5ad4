#include "core/kube/config.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "core/base/manual_clock.hpp"
#include "core/kube/credentials.hpp"
#include "core/kube/exec_plugin.hpp"
#include "operon/error.hpp"

using namespace operon;
using namespace operon::kube;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

/// A folder and an environment of its own.
struct Place {
  Place() {
    std::string name = (fs::temp_directory_path() / "operon-kube-XXXXXX").string();
    folder = mkdtemp(name.data());
    for (const char* variable : {"KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"}) unsetenv(variable);
    setenv("HOME", folder.c_str(), 1);
  }
  ~Place() { fs::remove_all(folder); }

  fs::path write(const std::string& name, const std::string& text) {
    fs::create_directories((folder / name).parent_path());
    const fs::path fresh = folder / (name + ".new");
    std::ofstream(fresh) << text;
    fs::rename(fresh, folder / name);
    return folder / name;
  }
  ConfigChoice choice() const { return {{}, {}, folder / "sa"}; }

  fs::path folder;
};

std::string kubeconfig(const std::string& name, const std::string& user, const std::string& cluster = "") {
  return "apiVersion: v1\nkind: Config\ncurrent-context: " + name + "\nclusters: [{name: " + name + ", cluster: {server: \"https://" +
         name + ".example:6443/\"" + cluster + "}}]\nusers: [{name: " + name + ", user: {" + user + "}}]\ncontexts: [{name: " + name +
         ", context: {cluster: " + name + ", user: " + name + "}}]\n";
}

}  // namespace

TEST_CASE_METHOD(Place, "without any configuration every place that was looked at is named") {
  try {
    resolve(choice());
    FAIL("found something");
  } catch (const Error& e) {
    CHECK(e.code() == Code::not_found);
    CHECK_THAT(e.what(), Contains((folder / "sa").string()) && Contains((folder / ".kube/config").string()) && Contains("KUBECONFIG"));
  }
}

TEST_CASE_METHOD(Place, "explicit comes before in-cluster, in-cluster before $KUBECONFIG, that before the home folder") {
  write(".kube/config", kubeconfig("home", "token: t"));
  CHECK(resolve(choice()).server == "https://home.example:6443");
  setenv("KUBECONFIG",
         (write("a", kubeconfig("a", "token: ta")).string() + ":" + (folder / "missing").string() + ":" +
          write("b", kubeconfig("b", "token: token-of-b")).string())
             .c_str(),
         1);
  CHECK(resolve(choice()).server == "https://a.example:6443");
  auto other = choice();
  other.context = "b";
  CHECK(resolve(other).token == "token-of-b");
  write("sa/token", "cluster-token\n");
  write("sa/ca.crt", "CA");
  write("sa/namespace", "here\n");
  setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
  setenv("KUBERNETES_SERVICE_PORT", "443", 1);
  const auto inside = resolve(choice());
  CHECK(inside.server == "https://[fd00::1]:443");
  CHECK(inside.name_space == "here");
  CHECK_THAT(inside.method, Contains("in-cluster"));
  auto explicitly = choice();
  explicitly.kubeconfig = folder / "b";
  const auto config = resolve(explicitly);
  CHECK(config.server == "https://b.example:6443");
  CHECK_THAT(config.method, Contains("context 'b'") && Contains("token") && !Contains("token-of-b"));
}

TEST_CASE_METHOD(Place, "everything a kubeconfig can say about a cluster is taken over") {
  write("ca.pem", "CA");
  const auto file = write(
      "c",
      kubeconfig("c", "client-certificate-data: Q0VSVA==, client-key: keys/key.pem",
                 ", certificate-authority: ca.pem, tls-server-name: other, proxy-url: \"http://p:1\", insecure-skip-tls-verify: true"));
  auto choice_of = choice();
  choice_of.kubeconfig = file;
  const auto config = resolve(choice_of);
  CHECK(config.ca_file == folder / "ca.pem");
  CHECK(config.client_certificate_pem == "CERT");
  CHECK(config.client_key_file == folder / "keys/key.pem");
  CHECK(config.tls_server_name == "other");
  CHECK(config.proxy_url == "http://p:1");
  CHECK(config.insecure);
  CHECK(config.name_space == "default");
  CHECK_THAT(config.method, Contains("client certificate"));
}

TEST_CASE_METHOD(Place, "a kubeconfig that somebody sent starts no program and reads no file") {
  CHECK(from_untrusted(kubeconfig("x", "token: t"), "target x").token == "t");
  for (const char* user :
       {"exec: {command: /bin/sh, apiVersion: client.authentication.k8s.io/v1}", "tokenFile: /etc/passwd", "client-key: /etc/shadow"}) {
    INFO(user);
    CHECK_THROWS_AS(from_untrusted(kubeconfig("x", user), "target x"), Error);
  }
}

TEST_CASE_METHOD(Place, "a token file is read again after it has rotated") {
  base::ManualClock clock;
  ClusterConfig config;
  config.token_file = write("token", "one\n");
  Credentials credentials(config, clock);
  CHECK(credentials.current()->authorization == "Bearer one");
  write("token", "two\n");
  CHECK(credentials.current()->authorization == "Bearer one");
  clock.advance(std::chrono::milliseconds(Credentials::look_again_ms));
  CHECK(credentials.current()->authorization == "Bearer two");
  SECTION("at once after it was refused") {
    write("token", "three\n");
    credentials.refused(credentials.current());
    CHECK(credentials.current()->authorization == "Bearer three");
  }
  SECTION("and stays the old one while it is missing") {
    fs::remove(folder / "token");
    clock.advance(std::chrono::milliseconds(Credentials::look_again_ms));
    CHECK(credentials.current()->authorization == "Bearer two");
  }
}

TEST_CASE_METHOD(Place, "a client certificate that is not whole is not shown, and nothing of its key is told") {
  ClusterConfig config;
  config.client_certificate_file = write("crt", "-----BEGIN CERTIFICATE-----\nAAAA");
  config.client_key_file = write("key", "canary");
  try {
    Credentials credentials(config);
    FAIL("it is shown");
  } catch (const Error& e) {
    CHECK_THAT(e.what(), Contains("client certificate is no certificate"));
    CHECK_THAT(e.what(), !Contains("canary"));
  }
}

TEST_CASE_METHOD(Place, "other authorities mean other connections, another token does not") {
  base::ManualClock clock;
  ClusterConfig config;
  config.ca_file = write("ca", "A");
  config.token_file = write("token", "one");
  Credentials credentials(config, clock);
  const auto first = credentials.current()->generation;
  write("token", "twooo");
  clock.advance(std::chrono::milliseconds(Credentials::look_again_ms));
  CHECK(credentials.current()->generation == first);
  write("ca", "BB");
  clock.advance(std::chrono::milliseconds(Credentials::look_again_ms));
  CHECK(credentials.current()->ca_pem == "BB");
  CHECK(credentials.current()->generation == first + 1);
}

TEST_CASE_METHOD(Place, "a credential program is run without a shell, and its answer kept until it is about to expire") {
  const auto program =
      write("give",
            "#!/bin/sh\necho x >> " + (folder / "runs").string() +
                "\nprintf '{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\",\"status\":{\"token\":\"%s-%s\","
                "\"expirationTimestamp\":\"2026-01-02T04:04:05Z\"}}' \"$1\" \"$EXTRA\"\n");
  chmod(program.c_str(), 0700);
  write(
      "k",
      kubeconfig(
          "k",
          "exec: {command: ./give, apiVersion: client.authentication.k8s.io/v1, args: ['$(touch x); a'], env: [{name: EXTRA, value: e}]}"));
  auto choice_of = choice();
  choice_of.kubeconfig = folder / "k";
  const auto config = resolve(choice_of);
  CHECK_THAT(config.method, Contains("program give"));
  base::ManualClock clock;  // an hour before the credential ends
  Credentials credentials(config, clock);
  CHECK(credentials.current() == nullptr);
  CHECK(credentials.refresh()->authorization == "Bearer $(touch x); a-e");
  CHECK(credentials.current()->authorization == "Bearer $(touch x); a-e");
  CHECK(fs::file_size(folder / "runs") == 2);
  credentials.refused(credentials.current());
  CHECK(credentials.current() != nullptr);  // asked a moment ago: not at once again
  clock.advance(std::chrono::minutes(59));
  CHECK(credentials.current() == nullptr);
  CHECK_FALSE(fs::exists("x"));
}

TEST_CASE_METHOD(Place, "a credential program that fails is named, what it printed is not") {
  ExecPlugin plugin;
  plugin.api_version = "client.authentication.k8s.io/v1";
  plugin.command = "/bin/false";
  const auto message = [&] {
    try {
      run_exec_plugin(plugin, {});
    } catch (const Error& e) {
      CHECK(e.code() == Code::unauthenticated);
      return std::string(e.what());
    }
    return std::string("it went well");
  };
  CHECK_THAT(message(), Contains("/bin/false") && Contains("exit code 1"));
  plugin.command = "/does/not/exist";
  plugin.install_hint = "get it from the team";
  CHECK_THAT(message(), Contains("No such file") && Contains("get it from the team"));
  plugin.command = "echo";
  plugin.args = {"canary-secret"};
  CHECK_THAT(message(), Contains("no JSON") && !Contains("canary"));
}

TEST_CASE("answers of credential programs") {
  ExecPlugin plugin;
  plugin.api_version = "client.authentication.k8s.io/v1";
  const auto answer = [&](const std::string& status, const std::string& version = "v1") {
    return parse_exec_answer(
        R"({"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/)" + version + R"(","status":)" + status + "}", plugin);
  };
  CHECK(answer(R"({"token":"t"})").expires_unix_ms == 0);
  CHECK(answer(R"({"token":"t","expirationTimestamp":"2026-01-02T03:04:05Z"})").expires_unix_ms == 1767323045000);
  CHECK(answer(R"({"token":"t","expirationTimestamp":"2026-01-02T05:04:05.123+02:00"})").expires_unix_ms == 1767323045000);
  CHECK(answer(R"({"clientCertificateData":"c","clientKeyData":"k"})").certificate_pem == "c");
  CHECK_THROWS_AS(answer(R"({"clientCertificateData":"c"})"), Error);
  CHECK_THROWS_AS(answer(R"({})"), Error);
  CHECK_THROWS_AS(answer(R"({"token":"t"})", "v1beta1"), Error);
  CHECK_THROWS_AS(answer(R"({"token":"t","expirationTimestamp":"tomorrow"})"), Error);
}
