#include <sys/resource.h>

#include <catch2/catch.hpp>

#include "client.hpp"
#include "core/metrics/metrics.hpp"

using namespace operon::http;
using namespace operon::http::test;

TEST_CASE("a stream's pieces arrive as they are made, and it ends properly") {
  TestServer server;
  FedSource fed;
  server.make_source = [&] { return fed.source(); };
  Peer peer(server.address());
  peer.send(get("/stream"));
  const std::string head = peer.read_until("\r\n\r\n");
  CHECK(head.find("Transfer-Encoding: chunked\r\n") != std::string::npos);
  CHECK(head.find("Content-Type: text/plain; charset=utf-8\r\n") != std::string::npos);
  CHECK(head.find("X-Request-Id: ") != std::string::npos);
  fed.feed("one\n");
  CHECK(peer.read_until("\r\n") == "4\r\n");
  CHECK(peer.read_until("\r\n") == "one\n\r\n");
  fed.feed(std::string("\0\xff", 2));
  CHECK(peer.read_exactly(7) == std::string("2\r\n\0\xff\r\n", 7));
  fed.end();
  CHECK(peer.read_to_end() == "0\r\n\r\n");
  CHECK(fed.gone());
}

TEST_CASE("HTTP/1.0 gets a stream without chunks, HEAD gets its head") {
  TestServer server;
  FedSource fed;
  server.make_source = [&] { return fed.source(); };
  Peer old(server.address());
  old.send("GET /stream HTTP/1.0\r\n\r\n");
  CHECK(old.read_until("\r\n\r\n").find("chunked") == std::string::npos);
  fed.feed("data");
  CHECK(old.read_exactly(4) == "data");
  fed.end();
  CHECK(old.read_to_end().empty());

  FedSource other;
  server.make_source = [&] { return other.source(); };
  Peer peer(server.address());
  peer.send("HEAD /stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(peer.answer(true).header("Transfer-Encoding") == "chunked");
  CHECK(other.gone());
  CHECK(peer.ask(get("/health")).status == 200);
}

TEST_CASE("a peer that goes is noticed though nothing is sent") {
  TestServer server;
  for (const bool reset : {false, true}) {
    FedSource fed;
    server.make_source = [&] { return fed.source(); };
    Peer peer(server.address());
    peer.send(get("/stream"));
    peer.read_until("\r\n\r\n");
    reset ? peer.reset() : peer.close();
    CHECK(eventually([&] { return fed.gone(); }));
    fed.feed("nobody hears this");  // the waker outlives the stream
  }
}

TEST_CASE("only what the peer takes is pulled, and a peer that takes nothing is dropped with a marker") {
  ServerLimits limits;
  limits.write_ms_max = 500ms;
  TestServer server(limits);
  FedSource fed;
  server.make_source = [&] { return fed.source(); };
  Peer peer(server.address(), 4096);
  peer.send(get("/stream"));
  peer.read_until("\r\n\r\n");
  const size_t all = 64u << 20;
  fed.feed(std::string(all, 'x'));
  CHECK(eventually([&] { return fed.gone(); }));
  CHECK(fed.taken() < 16u << 20);  // the kernel's buffers and one of ours
  // It wakes up within the further grace: what it reads is whole and says why it ends.
  std::string body;
  while (true) {
    const std::string line = peer.read_until("\r\n");
    if (line.empty()) break;
    const size_t n = std::stoul(line, nullptr, 16);
    body += peer.read_exactly(n + 2).substr(0, n);
    if (n == 0) break;
  }
  CHECK(body.ends_with("x[dropped]\n"));
  CHECK(body.size() == fed.taken() + 10);
  CHECK(operon::metrics::expose().find("operon_http_streams_dropped_total{server=\"test\"}") != std::string::npos);
}

TEST_CASE("a dropped peer that never wakes up is closed") {
  ServerLimits limits;
  limits.write_ms_max = 200ms;
  TestServer server(limits);
  FedSource fed;
  server.make_source = [&] { return fed.source(); };
  Peer peer(server.address(), 4096);
  peer.send(get("/stream"));
  fed.feed(std::string(64u << 20, 'x'));
  CHECK(eventually([&] { return operon::metrics::expose().find("operon_http_connections{server=\"test\"} 0") != std::string::npos; }));
}

TEST_CASE("a thousand streams share a few threads, and every one gets everything") {
  constexpr int n = 1000;
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  TestServer server;
  std::vector<FedSource> fed(n);
  size_t next = 0;
  server.make_source = [&] { return fed[next++].source(); };
  std::vector<std::unique_ptr<Peer>> peers;
  const int before = threads_of_this_process();
  for (int i = 0; i < n; ++i) {
    peers.push_back(std::make_unique<Peer>(server.address()));
    peers.back()->send(get("/stream"));
    peers.back()->read_until("\r\n\r\n");
  }
  CHECK(threads_of_this_process() - before <= 16 + 2 + 2);
  for (int round = 0; round < 3; ++round) {
    for (const FedSource& f : fed) f.feed("line\n");
    for (auto& p : peers) CHECK(p->read_until("line\n\r\n").ends_with("5\r\nline\n\r\n"));
  }
  Peer other(server.address());
  CHECK(other.ask(get("/health")).status == 200);
  CHECK(other.ask(get("/hello/x")).status == 200);
  for (const FedSource& f : fed) f.end();
  for (auto& p : peers) CHECK(p->read_to_end() == "0\r\n\r\n");
}

TEST_CASE("more streams than there are places are 503") {
  ServerLimits limits;
  limits.streams_max = 1;
  TestServer server(limits);
  FedSource fed;
  server.make_source = [&] { return fed.source(); };
  auto first = std::make_unique<Peer>(server.address());
  first->send(get("/stream"));
  first->read_until("\r\n\r\n");
  Peer second(server.address());
  const auto a = second.ask(get("/stream"));
  CHECK(a.status == 503);
  CHECK(a.header("Retry-After") == "1");
  first.reset();
  CHECK(eventually([&] {
    Peer p(server.address());
    p.send(get("/stream"));
    return p.read_until("\r\n\r\n").starts_with("HTTP/1.1 200");
  }));
}

namespace {

class Throwing : public StreamSource {
 public:
  Got read(std::string&, size_t) override { throw 42; }
  void set_waker(std::function<void()>) override {}
};

}  // namespace

TEST_CASE("a source that throws does not end as if all were well") {
  TestServer server;
  server.make_source = [] { return std::make_unique<Throwing>(); };
  Peer peer(server.address());
  peer.send(get("/stream"));
  const auto a = peer.answer();
  CHECK(a.truncated);
  CHECK(Peer(server.address()).ask(get("/health")).status == 200);
}
