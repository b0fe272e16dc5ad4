#include <fcntl.h>
#include <sys/resource.h>

#include <catch2/catch.hpp>

#include "client.hpp"
#include "core/metrics/metrics.hpp"
#include "operon/error.hpp"

using namespace operon::http;
using namespace operon::http::test;

TEST_CASE("a full queue is 503 with Retry-After, not a reset") {
  ServerLimits limits;
  limits.worker_threads_max = 2;
  limits.requests_queued_max = 3;
  TestServer server(limits);
  std::vector<std::unique_ptr<Peer>> busy;
  for (int i = 0; i < 2; ++i) {
    busy.push_back(std::make_unique<Peer>(server.address()));
    busy.back()->send(get("/wait"));
  }
  server.latch.wait_for_waiting(2);
  for (int i = 0; i < 3; ++i) {
    busy.push_back(std::make_unique<Peer>(server.address()));
    busy.back()->send(get("/wait"));
  }
  Peer more(server.address());
  Peer::Answer a;
  // The three may still be on their way into the queue.
  REQUIRE(eventually(
      [&] {
        if (a.status == 503) return true;
        busy.push_back(std::make_unique<Peer>(server.address()));
        a = more.ask(get("/throw/error"));
        return a.status == 503;
      },
      2s));
  CHECK(a.header("Retry-After") == "1");
  CHECK(a.body ==
        "{\"error\":\"unavailable\",\"message\":\"all workers are busy and the queue is full; try again (requests_queued_max)\"}\n");
  CHECK(more.ask(get("/health")).status == 200);
  CHECK(operon::metrics::expose().find("operon_http_shed_total{server=\"test\"}") != std::string::npos);
  server.latch.open();
  for (int i = 0; i < 5; ++i) CHECK(busy[static_cast<size_t>(i)]->answer().status == 200);
}

TEST_CASE("bodies: too large is 413 by length and in chunks; all together are bounded") {
  ServerLimits limits;
  limits.bodies_bytes_max = 100000;
  TestServer server(limits);
  Peer peer(server.address());
  CHECK(peer.ask(post("/echo", std::string(65536, 'x'))).body.size() == 65536);
  CHECK(peer.ask(post("/echo", std::string(65537, 'x'))).status == 413);
  CHECK(peer.ask(get("/health")).status == 200);  // small enough to read over
  CHECK(peer.ask("POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n10001\r\n").status == 413);
  Peer first(server.address()), second(server.address());
  const std::string head = "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60001\r\n\r\n";
  first.send(head + std::string(60000, 'x'));
  CHECK(Peer(server.address()).ask(get("/health")).status == 200);
  const auto a = second.ask(head + std::string(60000, 'x'));
  CHECK(a.status == 503);
  CHECK(a.header("Retry-After") == "1");
  first.send("y");
  CHECK(first.answer().status == 200);
  int status = 503;  // the room is given back just after the answer has gone out
  for (int i = 0; i < 1000 && status == 503; ++i) status = Peer(server.address()).ask(post("/echo", std::string(60000, 'x'))).status;
  CHECK(status == 200);
}

TEST_CASE("headers and targets that are too large are told so") {
  TestServer server;
  CHECK(Peer(server.address()).ask(get("/" + std::string(9000, 'a'))).status == 414);
  CHECK(Peer(server.address()).ask(get("/health", "A: " + std::string(40000, 'a') + "\r\n")).status == 431);
  std::string many;
  for (int i = 0; i < 200; ++i) many += "A: b\r\n";
  const auto a = Peer(server.address()).ask(get("/health", many));
  CHECK(a.status == 431);
  CHECK(a.body == "{\"error\":\"bad_request\",\"message\":\"the request has more header fields than this server takes (headers_max)\"}\n");
}

TEST_CASE("one address has only so many connections; others wait until there is room") {
  ServerLimits limits;
  limits.connections_per_address_max = 3;
  TestServer server(limits);
  std::vector<std::unique_ptr<Peer>> peers;
  for (int i = 0; i < 3; ++i) {
    peers.push_back(std::make_unique<Peer>(server.address()));
    CHECK(peers.back()->ask(get("/health")).status == 200);
  }
  CHECK(Peer(server.address()).closed());
  peers.pop_back();
  CHECK(eventually([&] {
    Peer p(server.address());
    return p.try_send(get("/health")) && p.answer().status == 200;
  }));

  limits.connections_per_address_max = 100;
  limits.connections_max = 2;
  TestServer small(limits);
  auto one = std::make_unique<Peer>(small.address());
  Peer two(small.address());
  CHECK(one->ask(get("/health")).status == 200);
  CHECK(two.ask(get("/health")).status == 200);
  Peer three(small.address());
  three.send(get("/health"));
  CHECK(two.ask(get("/health")).status == 200);
  one.reset();
  CHECK(three.answer().status == 200);
}

TEST_CASE("a process without descriptors goes on serving, and takes connections when it has some again") {
  TestServer server;
  Peer known(server.address());
  CHECK(known.ask(get("/health")).status == 200);
  Peer late(server.address());  // its descriptor of our side of the test is made before they run out
  CHECK(late.ask(get("/health")).status == 200);
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  rlimit low = before;
  low.rlim_cur = std::min<rlim_t>(before.rlim_cur, 256);
  ::setrlimit(RLIMIT_NOFILE, &low);
  std::vector<operon::base::Fd> fill;
  while (true) {
    const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd < 0) break;
    fill.emplace_back(fd);
  }
  fill.pop_back();  // one for this side of the connection, none for the server's
  Peer waiting(server.address());
  CHECK(known.ask(get("/health")).status == 200);
  waiting.send(get("/health"));
  CHECK(known.ask(get("/hello/x")).status == 200);
  fill.clear();
  ::setrlimit(RLIMIT_NOFILE, &before);
  CHECK(waiting.answer().status == 200);
}

TEST_CASE("a connection serves only so many requests") {
  ServerLimits limits;
  limits.requests_per_connection_max = 3;
  TestServer server(limits);
  Peer peer(server.address());
  CHECK(peer.ask(get("/health")).header("Connection").empty());
  CHECK(peer.ask(get("/hello/x")).header("Connection").empty());
  CHECK(peer.ask(get("/health")).header("Connection") == "close");
  CHECK(peer.closed());
}

TEST_CASE("an address that is taken is named with the reason") {
  TestServer server;
  Router router;
  Server other("other", {server.address()}, router, {}, {}, {});
  CHECK_THROWS_WITH(other.start(), Catch::Contains("cannot listen on " + server.address()) && Catch::Contains("in use"));
  Server bad("bad", {"nonsense"}, router, {}, {}, {});
  CHECK_THROWS_WITH(bad.start(), "listen address 'nonsense' is not HOST:PORT, [IPV6]:PORT or :PORT");
}

TEST_CASE("several listen addresses, also IPv6 and all interfaces") {
  Router router;
  Server server("many", {"127.0.0.1:0", "localhost:0", ":0"}, router, {}, {}, {});
  server.start();
  REQUIRE(server.addresses().size() == 3);
  for (const std::string& a : server.addresses()) {
    CHECK(Peer("127.0.0.1:" + a.substr(a.rfind(':') + 1)).ask(get("/")).status == 404);
  }
}
