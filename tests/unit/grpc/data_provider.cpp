// The real sidecar program, and servers that are none.
#include "core/grpc/data_provider.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <thread>

#include "operon/error.hpp"
#include "tests/unit/net/web_server.hpp"

extern char** environ;

using namespace operon;
using grpc_client::CircuitBreaker;
using grpc_client::DataProvider;
using grpc_client::DataProviderSettings;
using net::test::answer;
using net::test::WebServer;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
namespace fs = std::filesystem;

namespace {

constexpr auto patience = std::chrono::seconds(20);

fs::path build_folder() {
  return std::getenv("OPERON_BUILD_DIR");
}

bool until(const std::function<bool()>& condition) {
  const auto end = steady_clock::now() + patience;
  while (!condition()) {
    if (steady_clock::now() > end) return false;
    std::this_thread::sleep_for(milliseconds(10));
  }
  return true;
}

/// A folder for one test's socket.
struct Folder {
  fs::path path;
  Folder() {
    std::string name = (fs::temp_directory_path() / "operon-grpc-XXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) path = name;
  }
  ~Folder() { fs::remove_all(path); }
};

/// operon-data-provider.
class Sidecar {
 public:
  explicit Sidecar(const std::string& address) {
    std::string words[] = {(build_folder() / "bin/operon-data-provider").string(), "--listen", address, "--log-level", "error"};
    char* argv[] = {words[0].data(), words[1].data(), words[2].data(), words[3].data(), words[4].data(), nullptr};
    if (posix_spawn(&pid_, argv[0], nullptr, nullptr, argv, environ) != 0) pid_ = 0;
  }
  ~Sidecar() { end(SIGTERM); }
  void end(int signal_number) {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGCONT);
    ::kill(pid_, signal_number);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  void freeze() { ::kill(pid_, SIGSTOP); }
  void thaw() { ::kill(pid_, SIGCONT); }
  bool started() const { return pid_ > 0; }

 private:
  pid_t pid_ = 0;
};

struct Fixture {
  Folder folder;
  DataProviderSettings settings;
  WebServer cluster{[](const std::string& request) {
    const bool list = request.starts_with("GET /api/v1/nodes?");
    return list ? answer(200, R"({"kind":"List","metadata":{},"items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b"}}]})")
                : answer(404, "{}");
  }};

  Fixture() {
    settings.address = "unix:" + (folder.path / "s").string();
    settings.library = build_folder() / "lib/liboperon-grpc.so";
    settings.deadline = milliseconds(8000);
    settings.health_interval = milliseconds(200);
    settings.breaker = {.failures_max = 2, .open_ms_first = milliseconds(100), .open_ms_max = milliseconds(400)};
  }
  static std::string kubeconfig(std::string server) {
    while (server.ends_with('/')) server.pop_back();
    return "{apiVersion: v1, kind: Config, current-context: c, clusters: [{name: c, cluster: {server: \"" + server +
           "\"}}], users: [{name: u, user: {token: t}}], contexts: [{name: c, context: {cluster: c, user: u}}]}";
  }
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE_METHOD(Fixture, "data provider: the real one, over a Unix socket") {
  Sidecar sidecar(settings.address);
  REQUIRE(sidecar.started());
  DataProvider provider(settings);
  REQUIRE(until([&] { return provider.trouble().empty(); }));
  CHECK(provider.nodes(kubeconfig(cluster.url())) == Names{"a", "b"});
  CHECK(provider.nodes(kubeconfig(cluster.url())) == Names{"a", "b"});
}

TEST_CASE_METHOD(Fixture, "data provider: a fault of the caller or of the cluster is passed on and opens nothing") {
  Sidecar sidecar(settings.address);
  DataProvider provider(settings);
  REQUIRE(until([&] { return provider.trouble().empty(); }));
  for (int i = 0; i < 3; ++i) {
    try {
      provider.nodes("no kubeconfig");
      FAIL("it was taken");
    } catch (const Error& e) {
      CHECK(e.code() == Code::invalid_argument);
    }
    try {
      provider.nodes(kubeconfig("http://127.0.0.1:1"));
      FAIL("it was reached");
    } catch (const Error& e) {
      CHECK(e.code() == Code::unavailable);
      CHECK(e.reason().empty());
      CHECK(std::string(e.what()).find("GET /api/v1/nodes") != std::string::npos);
    }
  }
  CHECK(provider.state() == CircuitBreaker::State::closed);
  CHECK(provider.nodes(kubeconfig(cluster.url())).size() == 2);
}

TEST_CASE_METHOD(Fixture, "data provider: one that dies is noticed without a call, refused at once, and found again") {
  auto sidecar = std::make_unique<Sidecar>(settings.address);
  DataProvider provider(settings);
  REQUIRE(until([&] { return provider.trouble().empty(); }));
  CHECK(provider.nodes(kubeconfig(cluster.url())).size() == 2);
  sidecar->end(SIGKILL);
  REQUIRE(until([&] { return provider.state() != CircuitBreaker::State::closed; }));
  CHECK(provider.trouble().find(settings.address + " does not answer") != std::string::npos);
  bool refused = false;
  REQUIRE(until([&] {
    try {
      provider.nodes(kubeconfig(cluster.url()));
      return false;
    } catch (const Error& e) {
      refused = e.reason() == "DataProviderDown" && e.retry_after_ms().has_value();
      return refused;
    }
  }));
  sidecar = std::make_unique<Sidecar>(settings.address);
  REQUIRE(until([&] { return provider.state() == CircuitBreaker::State::closed; }));
  CHECK(provider.nodes(kubeconfig(cluster.url())).size() == 2);
}

TEST_CASE_METHOD(Fixture, "data provider: one that hangs costs a deadline and then nothing") {
  Sidecar sidecar(settings.address);
  settings.deadline = milliseconds(500);
  settings.health_ms_max = milliseconds(200);
  DataProvider provider(settings);
  REQUIRE(until([&] { return provider.trouble().empty(); }));
  CHECK(provider.nodes(kubeconfig(cluster.url())).size() == 2);
  sidecar.freeze();
  REQUIRE(until([&] { return provider.state() == CircuitBreaker::State::open; }));
  const auto began = steady_clock::now();
  CHECK_THROWS_AS(provider.nodes(kubeconfig(cluster.url())), Error);
  CHECK(steady_clock::now() - began < settings.deadline + settings.health_ms_max + patience / 4);
  sidecar.thaw();
  REQUIRE(until([&] { return provider.state() == CircuitBreaker::State::closed; }));
  CHECK(provider.nodes(kubeconfig(cluster.url())).size() == 2);
}

TEST_CASE_METHOD(Fixture, "data provider: a server that is none") {
  WebServer silent([](const std::string&) { return std::string(); });
  settings.address = silent.url("").substr(7);
  settings.deadline = milliseconds(300);
  settings.health_ms_max = milliseconds(200);
  DataProvider provider(settings);
  CHECK(provider.trouble().find("127.0.0.1") != std::string::npos);
  CHECK_THROWS_AS(provider.nodes(kubeconfig(cluster.url())), Error);
  CHECK(until([&] { return provider.state() != CircuitBreaker::State::closed; }));
}

TEST_CASE_METHOD(Fixture, "data provider: the end of the host does not wait for a deadline") {
  WebServer hung([](const std::string&) { return std::string(); });
  Sidecar sidecar(settings.address);
  settings.deadline = std::chrono::minutes(5);
  auto provider = std::make_unique<DataProvider>(settings);
  REQUIRE(until([&] { return provider->trouble().empty(); }));
  Code code = Code::ok;
  std::thread caller([&] {
    try {
      provider->nodes(kubeconfig(hung.url()));
    } catch (const Error& e) {
      code = e.code();
    }
  });
  REQUIRE(until([&] { return !hung.requests().empty(); }));
  provider.reset();
  caller.join();
  CHECK(code == Code::cancelled);
}

TEST_CASE_METHOD(Fixture, "data provider: a missing library is said in words") {
  settings.library = "/nowhere/liboperon-grpc.so";
  CHECK_THROWS_WITH(DataProvider(settings), Catch::Contains("/nowhere/liboperon-grpc.so"));
}
