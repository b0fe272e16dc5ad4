#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "cluster.hpp"
#include "core/net/url.hpp"

using namespace operon;
using namespace operon::kube;
using namespace operon::kube::test;

namespace {

int connected(std::string host, const std::string& port) {
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  addrinfo wanted{}, *found = nullptr;
  wanted.ai_socktype = SOCK_STREAM;
  if (getaddrinfo(host.c_str(), port.c_str(), &wanted, &found) != 0) return -1;
  int made = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(made, found->ai_addr, found->ai_addrlen) != 0) {
    close(made);
    made = -1;
  }
  freeaddrinfo(found);
  return made;
}

/// Both ways, until one side has no more to say, or `b` says what is to be lost.
void pass_on(int a, int b, std::atomic<bool>& lose) {
  bool losing = false;
  pollfd both[] = {{a, POLLIN, 0}, {b, POLLIN, 0}};
  while (poll(both, 2, -1) > 0) {
    for (const auto& [from, to] : {std::pair(0, b), std::pair(1, a)}) {
      if (both[from].revents == 0) continue;
      char bytes[16'384];
      const ssize_t n = read(both[from].fd, bytes, sizeof bytes);
      if (from == 0 && lose.exchange(false)) losing = true;
      if (from == 1 && losing) {
        const linger reset{1, 0};
        setsockopt(a, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        return;
      }
      if (n <= 0 || send(to, bytes, static_cast<size_t>(n), MSG_NOSIGNAL) != n) return;
    }
  }
}

/// Connects to where it is told, and remembers what it was asked.
class ConnectProxy {
 public:
  ConnectProxy() : listening_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(bind(listening_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(listen(listening_, 16) == 0);
    getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    accepting_ = std::thread([this] {
      for (int one; (one = accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
        serving_.emplace_back([this, one] { serve(one); });
      }
    });
  }
  /// After its clients.
  ~ConnectProxy() {
    shutdown(listening_, SHUT_RDWR);
    accepting_.join();
    for (auto& one : serving_) one.join();
    close(listening_);
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  /// The answer to what is asked next is lost, and its connection reset.
  void lose_an_answer() { lose_ = true; }
  std::vector<std::string> asked() {
    std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  void serve(int client) {
    std::string head;
    for (char c; head.find("\r\n\r\n") == std::string::npos && read(client, &c, 1) == 1;) head += c;
    const auto line = head.substr(0, head.find("\r\n"));
    {
      std::lock_guard lock(mutex_);
      asked_.push_back(line);
    }
    const auto begin = line.find(' ') + 1, end = line.find(' ', begin), colon = line.rfind(':', end);
    const bool asked = line.starts_with("CONNECT ") && end != line.npos && colon != line.npos;
    const int server = asked ? connected(line.substr(begin, colon - begin), line.substr(colon + 1, end - colon - 1)) : -1;
    const std::string answer = server >= 0 ? "HTTP/1.1 200 Connected\r\n\r\n" : "HTTP/1.1 502 No\r\n\r\n";
    if (send(client, answer.data(), answer.size(), MSG_NOSIGNAL) > 0 && server >= 0) pass_on(client, server, lose_);
    if (server >= 0) close(server);
    close(client);
  }

  const int listening_;
  uint16_t port_ = 0;
  std::atomic<bool> lose_{false};
  std::mutex mutex_;
  std::vector<std::string> asked_;
  std::thread accepting_;
  std::vector<std::thread> serving_;  // until it has ended, of the accepting thread alone
};

/// Puts back what was there.
class Environment {
 public:
  void set(const std::string& name, const std::string& value) {
    const char* before = std::getenv(name.c_str());
    before_.emplace(name, before ? std::optional<std::string>(before) : std::nullopt);
    value.empty() ? unsetenv(name.c_str()) : setenv(name.c_str(), value.c_str(), 1);
  }
  ~Environment() {
    for (const auto& [name, value] : before_) value ? setenv(name.c_str(), value->c_str(), 1) : unsetenv(name.c_str());
  }

 private:
  std::map<std::string, std::optional<std::string>> before_;
};

Response version_of(Client& client) {
  Request request;
  request.path = "/version";
  return client.fetch(request);
}

}  // namespace

TEST_CASE("requests go through the proxy of the kubeconfig, or of the environment, or through none") {
  ConnectProxy proxy, other;
  Environment environment;
  for (const char* name : {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"}) environment.set(name, "");
  auto config = cluster();
  config.proxy_url.clear();
  config.tls_server_name.clear();
  const auto server = net::parse_url(config.server);
  const auto host = server.host.find(':') == std::string::npos ? server.host : "[" + server.host + "]";
  const std::vector<std::string> once{"CONNECT " + host + ":" + server.port + " HTTP/1.1"};
  SECTION("the kubeconfig's") {
    environment.set("https_proxy", other.url());  // stands back
    config.proxy_url = proxy.url();
    Client client(config);
    CHECK(version_of(client).status == 200);
    CHECK(version_of(client).status == 200);
    CHECK(proxy.asked() == once);  // and the connection is kept
    CHECK(other.asked().empty());
  }
  SECTION("the environment's") {
    environment.set(GENERATE("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"), proxy.url());
    Client client(config);
    CHECK(version_of(client).status == 200);
    CHECK(proxy.asked() == once);
  }
  SECTION("none for a server that the environment excepts") {
    environment.set("https_proxy", proxy.url());
    environment.set("no_proxy", "elsewhere.example," + server.host);
    Client client(config);
    CHECK(version_of(client).status == 200);
    CHECK(proxy.asked().empty());
  }
  SECTION("none without one") {
    Client client(config);
    CHECK(version_of(client).status == 200);
    CHECK(proxy.asked().empty());
  }
}

TEST_CASE_METHOD(Namespace, "a write whose answer is lost with an HTTP/2 connection is not sent again by libcurl") {
  ConnectProxy proxy;
  put("one");
  auto config = cluster();
  config.proxy_url = proxy.url();
  Client through(config);
  CHECK(version_of(through).status == 200);
  proxy.lose_an_answer();
  Request patch;
  patch.method = "PATCH";
  patch.path = config_maps.path(name(), "one");
  patch.content_type = "application/json-patch+json";
  patch.body = R"([{"op":"add","path":"/data/more","value":"yes"}])";
  CHECK_THROWS_WITH(through.fetch(patch), Catch::Matchers::Contains("the connection ended before an answer came"));
  CHECK(proxy.asked().size() == 2);  // libcurl was about to
}

TEST_CASE_METHOD(Namespace, "a request brings nothing along of the one before") {
  put("one");
  const auto path = config_maps.path(name(), "one");
  const auto ask = [&](const char* method, const char* type, std::string body, Query query) {
    Request request;
    request.method = method;
    request.path = path;
    request.content_type = type;
    request.body = std::move(body);
    request.query = std::move(query);
    return client.fetch(request);
  };
  // A dry run that stays makes the second change go nowhere, a body that stays is no DeleteOptions.
  CHECK(ask("PATCH", "application/merge-patch+json", R"({"data":{"more":"yes"}})", {{"dryRun", "All"}}).status == 200);
  CHECK(ask("GET", "", "", {}).status == 200);
  CHECK(ask("PATCH", "application/json-patch+json", R"([{"op":"add","path":"/data/other","value":"yes"}])", {}).status == 200);
  CHECK(nlohmann::json::parse(ask("GET", "", "", {}).body).at("data") == nlohmann::json{{"value", "x"}, {"other", "yes"}});
  CHECK(ask("DELETE", "", "", {}).status == 200);
  CHECK(ask("GET", "", "", {}).status == 404);
}
