/// A byte that is counted to another request than the sender meant is a request in somebody else's name.
#include <catch2/catch.hpp>

#include "client.hpp"

using namespace operon::http;
using namespace operon::http::test;

TEST_CASE("ambiguous framing is refused, and nothing after it is read as a request") {
  TestServer server;
  const std::string smuggled = "GET /hello/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";
  for (const std::string fields :
       {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n", "Content-Length: 5, 6\r\n", "Content-Length: +5\r\n", "Content-Length: 5\r\n 6\r\n",
        "Transfer-Encoding : chunked\r\n", "Transfer-Encoding: xchunked\r\n", "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n",
        "Transfer-Encoding:\x0b"
        "chunked\r\n",
        "Transfer-Encoding: \"chunked\"\r\n"}) {
    INFO(fields);
    Peer peer(server.address());
    peer.send("POST /echo HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n0\r\n\r\n" + smuggled);
    const auto a = peer.answer();
    CHECK(a.status >= 400);
    CHECK(a.header("Connection") == "close");
    CHECK(a.body.starts_with("{\"error\":"));
    CHECK(peer.read_to_end().empty());
  }
}

TEST_CASE("bad chunks end the connection") {
  TestServer server;
  for (const std::string chunks :
       {"5\r\nhelloX\r\n0\r\n\r\n", "-1\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n", "ffffffffffffffff\r\n", "5\nhello\n0\n\n"}) {
    INFO(chunks);
    Peer peer(server.address());
    peer.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + get("/hello/smuggled"));
    CHECK(peer.answer().status == 400);
    CHECK(peer.read_to_end().empty());
  }
}

TEST_CASE("a body that nobody reads never becomes the next request") {
  ServerLimits limits;
  limits.drain_bytes_max = 1000;
  TestServer server(limits);
  const std::string smuggled = get("/hello/smuggled");
  Peer peer(server.address());
  // Small: read over, and the connection goes on.
  CHECK(peer.ask(post("/nowhere", smuggled)).status == 404);
  CHECK(peer.ask(post("/health", smuggled)).status == 405);
  CHECK(peer.ask("GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(smuggled.size()) + "\r\n\r\n" + smuggled)
            .body == "{\"status\":\"healthy\"}\n");
  CHECK(peer.ask("POST /nowhere HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n").status == 404);
  CHECK(peer.ask(get("/hello/next")).body.starts_with("next|"));
  // Large: answered and closed.
  const auto a = peer.ask(post("/nowhere", std::string(2000, 'x') + smuggled));
  CHECK(a.status == 404);
  CHECK(a.header("Connection") == "close");
  CHECK(peer.read_to_end().empty());
}

TEST_CASE("a body that is ignored is still read to its end") {
  TestServer server;
  Peer peer(server.address());
  CHECK(peer.ask(post("/ignore", std::string(200000, 'x'))).body == "ignored 0\n");
  CHECK(peer.ask(get("/health")).status == 200);
}

TEST_CASE("100 Continue is sent only for a body that will be read") {
  TestServer server;
  Peer peer(server.address());
  peer.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  CHECK(peer.answer().status == 100);
  peer.send("hello");
  CHECK(peer.answer().body == "hello");
  const auto large = peer.ask("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\nExpect: 100-continue\r\n\r\n");
  CHECK(large.status == 413);
  CHECK(large.body.find("payload_too_large") != std::string::npos);
  CHECK(large.header("Connection") == "close");
  Peer other(server.address());
  CHECK(other.ask("POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n").status == 404);
  CHECK(other.closed());
  Peer third(server.address());
  CHECK(third.ask("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 200-ok\r\n\r\n").status == 417);
}
