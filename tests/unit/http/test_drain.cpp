#include <catch2/catch.hpp>
#include <thread>

#include "client.hpp"

using namespace operon::http;
using namespace operon::http::test;

TEST_CASE("draining: idle connections go, work in hand is finished, streams are told, new peers are refused") {
  TestServer server;
  FedSource fed, socket;
  int made = 0;
  server.make_source = [&] { return made++ == 0 ? fed.source() : socket.source(); };
  Peer idle(server.address()), busy(server.address()), stream(server.address()), ws(server.address());
  CHECK(idle.ask(get("/health")).status == 200);
  stream.send(get("/stream"));
  stream.read_until("\r\n\r\n");
  fed.feed("line\n");
  ws.send(get("/stream",
              "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
  ws.read_until("\r\n\r\n");
  busy.send(get("/wait"));
  server.latch.wait_for_waiting(1);
  bool clean = false;
  std::jthread stopping([&] { clean = server.server().drain(10s); });
  CHECK(idle.closed());
  CHECK(stream.read_to_end() == "5\r\nline\n\r\n10\r\nERROR: stopping\n\r\n0\r\n\r\n");
  stream.close();
  CHECK(ws.read_to_end() == std::string("\x81\x0f"
                                        "ERROR: stopping\x88\x14\x03\xe9server is stopping"));
  ws.close();
  CHECK_THROWS(Peer(server.address()));
  server.latch.open();
  const auto a = busy.answer();
  CHECK(a.status == 200);
  CHECK(a.header("Connection") == "close");
  stopping.join();
  CHECK(clean);
}

namespace {

/// A source that does not care that the host is stopping.
class Stubborn : public StreamSource {
 public:
  Got read(std::string& into, size_t) override {
    into += std::exchange(first_, "");
    return Got::wait;
  }
  void set_waker(std::function<void()>) override {}

 private:
  std::string first_ = "x";
};

}  // namespace

TEST_CASE("draining is bounded: what does not end is cut") {
  TestServer server;
  server.make_source = [] { return std::make_unique<Stubborn>(); };
  Peer stream(server.address()), busy(server.address()), drip(server.address());
  stream.send(get("/stream"));
  stream.read_until("\r\n\r\n1\r\nx");
  busy.send(get("/wait"));
  drip.send("GET /hea");
  server.latch.wait_for_waiting(1);
  const auto begin = std::chrono::steady_clock::now();
  CHECK_FALSE(server.server().drain(300ms));
  CHECK(std::chrono::steady_clock::now() - begin < 3s);
  CHECK(stream.read_to_end() == "\r\n");
  CHECK(busy.closed());
  CHECK(drip.closed());
  server.latch.open();
}

TEST_CASE("a server can go at any time, with everything in hand") {
  for (int round = 0; round < 10; ++round) {
    TestServer server;
    std::vector<FedSource> fed(10);
    std::atomic<size_t> next = 0;
    server.make_source = [&] { return fed[next++].source(); };
    std::vector<std::unique_ptr<Peer>> peers;
    for (int i = 0; i < 10; ++i) {
      peers.push_back(std::make_unique<Peer>(server.address()));
      peers.back()->send(get("/stream") + "x");
    }
    for (int i = 0; i < 10; ++i) {
      peers.push_back(std::make_unique<Peer>(server.address()));
      peers.back()->send(get(i % 2 == 0 ? "/hello/x" : "/health"));
    }
    std::jthread feeder([&] {
      for (int i = 0; i < 100; ++i) {
        for (const FedSource& f : fed) f.feed("data\n");
      }
    });
    if (round % 2 == 0) CHECK(peers[0]->read_some().starts_with("HTTP/1.1 200"));
    server.destroy();
    feeder.join();
    for (const FedSource& f : fed) f.feed("after the end");
  }
}
