#include <catch2/catch.hpp>
#include <thread>

#include "client.hpp"

using namespace operon::http;
using namespace operon::http::test;

TEST_CASE("a hundred dripping peers neither delay others nor stay") {
  ServerLimits limits;
  limits.header_ms_max = 400ms;
  limits.body_ms_max = 400ms;
  limits.worker_threads_max = 2;
  TestServer server(limits);
  std::vector<std::unique_ptr<Peer>> drips;
  for (int i = 0; i < 100; ++i) {
    drips.push_back(std::make_unique<Peer>(server.address()));
    drips.back()->send(i % 2 == 0 ? "GET /health HTTP/1.1\r\nHo"
                                  : "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nab");
  }
  Peer quick(server.address());
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) {
    CHECK(quick.ask(get("/health")).status == 200);
    CHECK(quick.ask(get("/hello/x")).status == 200);
    for (auto& drip : drips) drip->try_send("x");  // the deadline is for the whole, not from byte to byte
  }
  CHECK(std::chrono::steady_clock::now() - begin < 8s);  // waiting for a dripping peer but twenty times would take that long
  for (auto& drip : drips) {
    const auto a = drip->answer();
    CHECK(a.status == 408);
    CHECK(a.body.find("did not arrive in time") != std::string::npos);
  }
}

TEST_CASE("idle connections go after their time, busy ones do not") {
  ServerLimits limits;
  limits.idle_ms_max = 200ms;
  TestServer server(limits);
  Peer silent(server.address()), used(server.address()), busy(server.address());
  CHECK(used.ask(get("/health")).status == 200);
  busy.send(get("/wait"));
  CHECK(silent.closed(5s));
  CHECK(used.closed(5s));
  server.latch.open();
  CHECK(busy.answer().status == 200);
}

TEST_CASE("a peer that does not read its answers holds nobody up, and goes") {
  ServerLimits limits;
  limits.write_ms_max = 300ms;
  TestServer server(limits);
  Peer deaf(server.address(), 4096);
  std::string many;
  for (int i = 0; i < 20000; ++i) many += get("/health");
  std::jthread sender([&] { deaf.try_send(many); });
  Peer other(server.address());
  for (int i = 0; i < 50; ++i) CHECK(other.ask(get("/health")).status == 200);
  sender.join();  // ends because the server has closed the connection
  CHECK(other.ask(get("/health")).status == 200);
}
