#include <catch2/catch.hpp>

#include "client.hpp"
#include "core/metrics/metrics.hpp"

using namespace operon;
using namespace operon::http;
using namespace operon::http::test;

TEST_CASE("requests are answered, inline and by workers, on one connection") {
  TestServer server;
  Peer peer(server.address());
  for (int i = 0; i < 3; ++i) {
    const auto health = peer.ask(get("/health"));
    CHECK(health.status == 200);
    CHECK(health.body == "{\"status\":\"healthy\"}\n");
    CHECK(health.header("Content-Type") == "application/json");
    CHECK(health.header("Date").size() == 29);
    const auto hello = peer.ask(get("/hello/a%20b?x=1&y=&z=2", "X-Request-Id: my-id.1\r\n"));
    CHECK(hello.body == "a b|/hello/a b|anonymous|my-id.1|x=1|z=2\n");
    CHECK(hello.header("x-request-id") == "my-id.1");
  }
  const auto echo = peer.ask(post("/echo", std::string("a\0b", 3)));
  CHECK(echo.body == std::string("a\0b", 3));
  CHECK(peer.ask("POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n").body == "abc");
  CHECK(peer.ask("\r\n" + get("/health")).status == 200);
}

TEST_CASE("pipelined requests are answered in order") {
  TestServer server;
  Peer peer(server.address());
  std::string all;
  for (int i = 0; i < 200; ++i)
    all += i % 3 == 0 ? get("/hello/n" + std::to_string(i)) : i % 3 == 1 ? get("/health") : post("/echo", std::to_string(i));
  peer.send(all);
  for (int i = 0; i < 200; ++i) {
    const auto a = peer.answer();
    REQUIRE(a.status == 200);
    if (i % 3 == 0) CHECK(a.body.starts_with("n" + std::to_string(i) + "|"));
    if (i % 3 == 2) CHECK(a.body == std::to_string(i));
  }
}

TEST_CASE("a request that arrives byte by byte is answered") {
  TestServer server;
  Peer peer(server.address());
  for (const char c : post("/echo", "hello")) peer.send({&c, 1});
  CHECK(peer.answer().body == "hello");
}

TEST_CASE("request ids that could not stand in a log line are replaced") {
  TestServer server;
  Peer peer(server.address());
  for (const std::string& bad : std::vector<std::string>{"a b", "a\"b", std::string(65, 'a'), "a/b"}) {
    const auto a = peer.ask(get("/health", "X-Request-Id: " + bad + "\r\n"));
    CHECK(a.status == 200);
    CHECK(a.header("X-Request-Id") != bad);
    CHECK(a.header("X-Request-Id").size() == 15);
  }
  CHECK(peer.ask(get("/health")).header("X-Request-Id") != peer.ask(get("/health")).header("X-Request-Id"));
}

TEST_CASE("whatever a handler throws is an answer, and keeps its secrets") {
  TestServer server;
  Peer peer(server.address());
  auto a = peer.ask(get("/throw/error"));
  CHECK(a.status == 422);
  CHECK(a.body == "{\"error\":\"unprocessable\",\"message\":\"value 'x' is refused\"}\n");
  for (const char* path : {"/throw/int", "/throw/std", "/throw-inline"}) {
    a = peer.ask(get(path, "X-Request-Id: r7\r\n"));
    CHECK(a.status == 500);
    CHECK(a.body == "{\"error\":\"internal_error\",\"message\":\"internal error; the log has it under request id r7\"}\n");
  }
  CHECK(peer.ask(get("/health")).status == 200);
}

TEST_CASE("methods: HEAD, OPTIONS, 405 and 404") {
  TestServer server;
  Peer peer(server.address());
  peer.send("HEAD /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
  auto a = peer.answer(true);
  CHECK(a.status == 200);
  CHECK(a.header("Content-Length") == "21");
  a = peer.ask("OPTIONS /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(a.status == 204);
  CHECK(a.header("Allow") == "GET, HEAD, OPTIONS");
  CHECK(a.header("Content-Length").empty());
  CHECK(peer.ask("OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n").status == 204);
  a = peer.ask("DELETE /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(a.status == 405);
  CHECK(a.header("Allow") == "GET, HEAD");
  CHECK(a.body == "{\"error\":\"method_not_allowed\",\"message\":\"DELETE is not a method of this path; it takes GET, HEAD\"}\n");
  CHECK(peer.ask("BREW /health HTTP/1.1\r\nHost: localhost\r\n\r\n").status == 405);
  a = peer.ask(get("/nowhere%0a"));
  CHECK(a.status == 404);
  CHECK(a.body == "{\"error\":\"not_found\",\"message\":\"no such path: /nowhere\\\\n\"}\n");
  CHECK(a.header("Content-Type") == "application/json");
  CHECK(peer.ask("OPTIONS /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n").status == 404);
}

TEST_CASE("HTTP/1.0 is served, and closed unless it asks otherwise") {
  TestServer server;
  Peer peer(server.address());
  auto a = peer.ask("GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK(a.head.starts_with("HTTP/1.0 200"));
  CHECK(a.header("Connection") == "keep-alive");
  a = peer.ask("GET /health HTTP/1.0\r\n\r\n");
  CHECK(a.header("Connection") == "close");
  CHECK(peer.closed());
  Peer other(server.address());
  CHECK(other.ask(get("/health", "Connection: close\r\n")).header("Connection") == "close");
  CHECK(other.closed());
}

TEST_CASE("a peer that has said all it will is still answered") {
  TestServer server;
  for (const char* path : {"/health", "/hello/x"}) {
    Peer peer(server.address());
    peer.send(get(path));
    peer.shutdown_send();
    CHECK(peer.answer().status == 200);
    CHECK(peer.closed());
  }
}

TEST_CASE("headers cannot split an answer, and an interim status comes first") {
  TestServer server;
  Peer peer(server.address());
  auto a = peer.ask(get("/split"));
  CHECK(a.status == 102);
  a = peer.answer();
  CHECK(a.status == 200);
  CHECK(a.head.find("X-Injected") == std::string::npos);
  a = peer.ask("GET /split HTTP/1.0\r\n\r\n");
  CHECK(a.status == 200);
}

TEST_CASE("a rebound name and a foreign page are refused before any handler, on every kind of request") {
  AccessRules rules;
  rules.origins = {"https://console.example"};
  TestServer server({}, rules);
  Peer peer(server.address());
  auto a = peer.ask("GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n");
  CHECK(a.status == 403);
  CHECK(
      a.body ==
      "{\"error\":\"forbidden\",\"message\":\"host 'evil.example' is not a name of this server; add it to rest.hosts if it should be\"}\n");
  CHECK(peer.ask("GET http://evil.example/health HTTP/1.1\r\nHost: localhost\r\n\r\n").status == 403);
  CHECK(peer.ask("GET http://localhost/health HTTP/1.1\r\nHost: localhost\r\n\r\n").status == 200);
  CHECK(peer.ask(post("/echo", "x", "Origin: http://evil.example\r\nContent-Type: text/plain\r\n")).status == 403);
  CHECK(peer.ask(get("/stream", "Origin: http://evil.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n")).status == 403);
  CHECK(peer.ask(get("/nowhere", "Origin: null\r\n")).status == 403);
  a = peer.ask(post("/echo", "x", "Origin: https://console.example\r\n"));
  CHECK(a.status == 200);
  CHECK(a.header("Access-Control-Allow-Origin") == "https://console.example");
  a = peer.ask(
      "OPTIONS /echo HTTP/1.1\r\nHost: localhost\r\nOrigin: https://console.example\r\nAccess-Control-Request-Method: POST\r\n\r\n");
  CHECK(a.status == 204);
  CHECK(a.header("Access-Control-Allow-Methods") == "POST");
}

TEST_CASE("requests are counted by method, route and code") {
  TestServer server;
  Peer peer(server.address());
  peer.ask(get("/hello/metrics"));
  peer.ask(get("/nowhere"));
  const std::string text = metrics::expose();
  CHECK(text.find("operon_http_requests_total{code=\"200\",method=\"GET\",route=\"/hello/{name}\"}") != std::string::npos);
  CHECK(text.find("operon_http_requests_total{code=\"404\",method=\"GET\",route=\"unmatched\"}") != std::string::npos);
  CHECK(text.find("operon_http_request_seconds_count{route=\"/hello/{name}\"}") != std::string::npos);
  CHECK(text.find("operon_http_connections{server=\"test\"} 1") != std::string::npos);
}
