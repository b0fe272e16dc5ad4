#include <catch2/catch.hpp>

#include "client.hpp"

using namespace operon::http;
using namespace operon::http::test;

namespace {

const std::string upgrade =
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

std::string masked(uint8_t first, std::string_view payload) {
  std::string out{static_cast<char>(first), static_cast<char>(0x80 | payload.size()), 1, 2, 3, 4};
  for (size_t i = 0; i < payload.size(); ++i) out += static_cast<char>(payload[i] ^ static_cast<char>(i % 4 + 1));
  return out;
}

struct Frame {
  int first = -1;
  std::string payload;
};

Frame read_frame(Peer& peer) {
  const std::string head = peer.read_exactly(2);
  if (head.size() < 2) return {};
  size_t n = static_cast<unsigned char>(head[1]);
  if (n == 126) {
    const std::string more = peer.read_exactly(2);
    n = static_cast<size_t>(static_cast<unsigned char>(more[0]) << 8 | static_cast<unsigned char>(more[1]));
  }
  return {static_cast<unsigned char>(head[0]), peer.read_exactly(n)};
}

int close_code(const Frame& f) {
  if (f.first != 0x88 || f.payload.size() < 2) return 0;
  return static_cast<unsigned char>(f.payload[0]) << 8 | static_cast<unsigned char>(f.payload[1]);
}

}  // namespace

TEST_CASE("lines come as text frames over a WebSocket, with 1000 at the end") {
  TestServer server;
  FedSource fed;
  server.make_source = [&] { return fed.source(); };
  Peer peer(server.address());
  const auto a = peer.ask(get("/stream", upgrade));
  REQUIRE(a.status == 101);
  CHECK(a.header("Sec-WebSocket-Accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  CHECK(a.header("Upgrade") == "websocket");
  fed.feed("first\nsec");
  CHECK(read_frame(peer).payload == "first");
  fed.feed("ond\nERROR: went wrong\nbad \xff\nlast");
  CHECK(read_frame(peer).payload == "second");
  CHECK(read_frame(peer).payload == "ERROR: went wrong");
  CHECK(read_frame(peer).payload == "bad \xef\xbf\xbd");
  peer.send(masked(0x89, "are you there"));
  const Frame pong = read_frame(peer);
  CHECK(pong.first == 0x8a);
  CHECK(pong.payload == "are you there");
  fed.end();
  CHECK(read_frame(peer).payload == "last");
  CHECK(close_code(read_frame(peer)) == 1000);
  CHECK(peer.closed());
}

TEST_CASE("a client that closes gets its close back; one that breaks the rules is told") {
  TestServer server;
  for (const auto& [frame, code] : {std::pair{masked(0x88, "\x03\xe9"), 1001}, std::pair{std::string("\x81\x02hi"), 1002}}) {
    FedSource fed;
    server.make_source = [&] { return fed.source(); };
    Peer peer(server.address());
    REQUIRE(peer.ask(get("/stream", upgrade)).status == 101);
    peer.send(frame);
    CHECK(close_code(read_frame(peer)) == code);
    CHECK(peer.closed());
    CHECK(eventually([&] { return fed.gone(); }));
  }
}

TEST_CASE("a frame that comes with the handshake is not lost") {
  TestServer server;
  FedSource fed;
  server.make_source = [&] { return fed.source(); };
  Peer peer(server.address());
  REQUIRE(peer.ask(get("/stream", upgrade) + masked(0x89, "early")).status == 101);
  CHECK(read_frame(peer).payload == "early");
}

TEST_CASE("a frame against the rules that comes with the handshake is answered as a later one") {
  TestServer server;
  for (const auto& [frame, code] : {std::pair{masked(0x88, "\x03\xe9"), 1001}, std::pair{std::string("\x81\x02hi"), 1002}}) {
    FedSource fed;
    server.make_source = [&] { return fed.source(); };
    Peer peer(server.address());
    REQUIRE(peer.ask(get("/stream", upgrade) + frame).status == 101);
    CHECK(close_code(read_frame(peer)) == code);
    CHECK(peer.closed());
    CHECK(eventually([&] { return fed.gone(); }));
  }
}

TEST_CASE("a peer that is dropped and sleeps on, past its next ping, holds no other stream up") {
  ServerLimits limits;
  limits.write_ms_max = 400ms;
  limits.ping_ms = 100ms;
  limits.stream_threads = 1;
  TestServer server(limits);
  FedSource fed;
  server.make_source = [&] { return fed.source(); };
  Peer asleep(server.address(), 4096);
  asleep.send(get("/stream", upgrade));
  asleep.read_until("\r\n\r\n");
  fed.feed(std::string(64u << 20, 'x'));
  CHECK(eventually([&] { return fed.gone(); }));
  CHECK(eventually([&] { return !asleep.try_send(masked(0x8a, "")); }));  // cut, though it read nothing

  FedSource other;
  server.make_source = [&] { return other.source(); };
  Peer awake(server.address());
  REQUIRE(awake.ask(get("/stream", upgrade)).status == 101);
  other.feed("a line\n");
  Frame frame = read_frame(awake);
  if (frame.first == 0x89) frame = read_frame(awake);
  CHECK(frame.payload == "a line");
}

TEST_CASE("a bad handshake is refused in words") {
  TestServer server;
  FedSource fed;
  server.make_source = [&] { return fed.source(); };
  Peer peer(server.address());
  auto a = peer.ask(
      get("/stream",
          "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
  CHECK(a.status == 426);
  CHECK(a.header("Sec-WebSocket-Version") == "13");
  a = peer.ask(get("/stream", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n"));
  CHECK(a.status == 400);
  CHECK(peer.ask(get("/health", upgrade)).status == 200);  // no WebSocket here: answered as any request
}
