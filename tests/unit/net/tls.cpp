#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "core/net/client.hpp"

using namespace operon;
using namespace operon::net;
namespace fs = std::filesystem;

namespace {

pid_t spawn(std::vector<std::string> words, const fs::path& output) {
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  pid_t pid = -1;
  REQUIRE(posix_spawnp(&pid, "openssl", &actions, nullptr, argv.data(), environ) == 0);
  posix_spawn_file_actions_destroy(&actions);
  return pid;
}

std::string text_of(const fs::path& file) {
  std::ifstream stream(file);
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}

/// `openssl s_server` with a certificate of its own for 127.0.0.1.
class TlsServer {
 public:
  TlsServer() {
    std::string name = (fs::temp_directory_path() / "operon-tls-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    const auto made = spawn({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                             file("key"), "-out", file("crt"), "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"},
                            folder_ / "req.log");
    int status = 0;
    waitpid(made, &status, 0);
    REQUIRE(status == 0);
    server_ =
        spawn({"openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", file("crt"), "-key", file("key"), "-www"}, folder_ / "server.log");
    // Its port is only known from what it prints; there is nothing to wait on but the file.
    for (int i = 0; i < 2000 && port_.empty(); ++i) {
      const auto text = text_of(folder_ / "server.log");
      const auto at = text.find("ACCEPT 127.0.0.1:");
      if (at != std::string::npos && text.find('\n', at) != std::string::npos) port_ = text.substr(at + 17, text.find('\n', at) - at - 17);
      if (port_.empty()) usleep(10000);
    }
    REQUIRE_FALSE(port_.empty());
  }
  ~TlsServer() {
    kill(server_, SIGKILL);
    waitpid(server_, nullptr, 0);
    fs::remove_all(folder_);
  }

  std::string url(const std::string& host) const { return "https://" + host + ":" + port_ + "/"; }
  std::string certificate() const { return text_of(folder_ / "crt"); }

 private:
  std::string file(const char* name) const { return (folder_ / name).string(); }

  fs::path folder_;
  pid_t server_ = -1;
  std::string port_;
};

int status_of(Client& client, const std::string& url, const std::string& ca_bundle, bool insecure) {
  Request request;
  request.url = url;
  request.ca_bundle = ca_bundle;
  request.insecure_skip_verify = insecure;
  try {
    return client.fetch(request).status;
  } catch (const Error& e) {
    CHECK(e.code() == Code::unavailable);
    return 0;
  }
}

}  // namespace

TEST_CASE("a certificate is checked, against the system's authorities or those of the request, and its name too") {
  TlsServer server;
  Client client;
  CHECK(status_of(client, server.url("127.0.0.1"), "", false) == 0);
  CHECK(status_of(client, server.url("127.0.0.1"), server.certificate(), false) == 200);
  CHECK(status_of(client, server.url("localhost"), server.certificate(), false) == 0);
  CHECK(status_of(client, server.url("localhost"), "", true) == 200);
  // What one request accepted counts for no other, although connections are kept.
  CHECK(status_of(client, server.url("127.0.0.1"), "", false) == 0);
  CHECK(status_of(client, server.url("127.0.0.1"), "no PEM", false) == 0);
}
