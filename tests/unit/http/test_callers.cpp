#include <atomic>
#include <catch2/catch.hpp>
#include <mutex>
#include <thread>

#include "client.hpp"
#include "operon/error.hpp"

using namespace operon;
using namespace operon::http;
using namespace operon::http::test;

namespace {

/// "Bearer v" may view, "Bearer a" everything; with `asks` none of it is known before a review, which waits for the gate.
class Callers final : public CallerCheck {
 public:
  explicit Callers(bool asks = false) : asks_(asks) {}

  std::optional<Admission> known(std::string_view header, Role role) override {
    if (asks_) return std::nullopt;
    return answer(header, role);
  }
  Admission review(std::string_view header, Role role) override {
    ++reviews;
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return open_; });
    if (header == "Bearer broken") throw Error(Code::internal, "secret innards");
    return answer(header, role);
  }
  void open(bool is_open) {
    std::lock_guard lock(mutex_);
    open_ = is_open;
    changed_.notify_all();
  }
  std::atomic<int> reviews{0};

 private:
  static Admission answer(std::string_view header, Role role) {
    if (header == "Bearer a") return {Admission::Answer::allowed, {"root", Role::admin}};
    if (header == "Bearer away") return {Admission::Answer::unavailable, {}, "nobody can tell"};
    if (header != "Bearer v") return {};
    if (role == Role::view) return {Admission::Answer::allowed, {"viewer", Role::view}};
    return {Admission::Answer::forbidden, {"viewer", Role::view}, "viewer may only look"};
  }

  const bool asks_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = true;
};

AccessRules rules_of(std::shared_ptr<Callers> callers) {
  AccessRules rules;
  rules.callers = std::move(callers);
  return rules;
}

std::string bearer(const std::string& token) {
  return "Authorization: Bearer " + token + "\r\n";
}

std::string remove_thing(const std::string& token) {
  return "DELETE /thing HTTP/1.1\r\nHost: localhost\r\n" + bearer(token) + "\r\n";
}

}  // namespace

TEST_CASE("who is it, and may they") {
  for (const bool asks : {false, true}) {
    std::mutex mutex;
    std::vector<std::string> refused;
    AccessRules rules = rules_of(std::make_shared<Callers>(asks));
    rules.on_refused = [&](const Request& r, int status, std::string_view why) {
      std::lock_guard lock(mutex);
      refused.push_back(std::string(to_string(r.method)) + " " + r.path + " " + r.caller.name + " " + std::to_string(status) + " " +
                        std::string(why));
    };
    TestServer server({}, rules);
    Peer peer(server.address());
    CHECK(peer.ask(get("/health")).status == 200);
    auto a = peer.ask(get("/hello/x"));
    CHECK(a.status == 401);
    CHECK(a.header("WWW-Authenticate") == "Bearer");
    CHECK(a.body.find("\"unauthorized\"") != std::string::npos);
    CHECK(peer.ask(get("/hello/x", bearer("v"))).body.find("|viewer|") != std::string::npos);
    a = peer.ask(remove_thing("v"));
    CHECK(a.status == 403);
    CHECK(a.body == "{\"error\":\"forbidden\",\"message\":\"viewer may only look\"}\n");
    CHECK(peer.ask(remove_thing("a")).status == 200);
    a = peer.ask(get("/hello/x", bearer("away")));
    CHECK(a.status == 503);
    CHECK(a.body == "{\"error\":\"unavailable\",\"message\":\"nobody can tell\"}\n");
    CHECK(a.header("Retry-After") == "1");
    REQUIRE(refused.size() == 2);
    CHECK(refused[0] == "GET /hello/x anonymous 401 nobody has that token, or none was sent");
    CHECK(refused[1] == "DELETE /thing viewer 403 viewer may only look");
  }
}

TEST_CASE("a check that breaks lets nobody in and tells nothing") {
  TestServer server({}, rules_of(std::make_shared<Callers>(true)));
  Peer peer(server.address());
  const auto a = peer.ask(get("/hello/x", bearer("broken")));
  CHECK(a.status == 503);
  CHECK(a.body.find("innards") == std::string::npos);
  CHECK(peer.ask(get("/hello/x", bearer("v"))).status == 200);
}

TEST_CASE("requests with and without bodies go on after a review, in order") {
  TestServer server({}, rules_of(std::make_shared<Callers>(true)));
  Peer peer(server.address());
  std::string all;
  for (int i = 0; i < 60; ++i) {
    const std::string n = std::to_string(i), token = bearer(i % 5 == 4 ? "stranger" : "a");
    all += i % 3 == 0 ? get("/hello/n" + n, token) : i % 3 == 1 ? get("/health") : post("/echo", n, token);
  }
  peer.send(all);
  for (int i = 0; i < 60; ++i) {
    const auto a = peer.answer();
    INFO(i);
    if (i % 3 != 1 && i % 5 == 4) {
      REQUIRE(a.status == 401);
      continue;
    }
    REQUIRE(a.status == 200);
    if (i % 3 == 0) CHECK(a.body.starts_with("n" + std::to_string(i) + "|/hello/"));
    if (i % 3 == 2) CHECK(a.body == std::to_string(i));
  }
  for (const char c : post("/echo", "hello", bearer("a"))) peer.send({&c, 1});
  CHECK(peer.answer().body == "hello");
  peer.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n" + bearer("a") + "\r\n");
  CHECK(peer.answer().status == 100);
  peer.send("hi");
  CHECK(peer.answer().body == "hi");
  peer.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  CHECK(peer.answer().status == 401);
}

TEST_CASE("a review that takes its time keeps nobody else waiting, and not more wait than may") {
  const auto callers = std::make_shared<Callers>(true);
  callers->open(false);
  ServerLimits limits;
  limits.review_threads_max = 1;
  limits.reviews_queued_max = 1;
  TestServer server(limits, rules_of(callers));
  Peer first(server.address()), second(server.address()), third(server.address());
  first.send(get("/hello/x", bearer("v")));
  CHECK(eventually([&] { return callers->reviews == 1; }));
  second.send(get("/hello/y", bearer("v")));
  CHECK(third.ask(get("/health")).status == 200);
  // Which of the two is turned away is the reactor's to say: it takes them in the order in which they came.
  const auto a = third.ask(get("/hello/z", bearer("v")));
  CHECK(a.status == 503);
  CHECK(a.body.find("reviews_queued_max") != std::string::npos);
  callers->open(true);
  CHECK(first.answer().body.starts_with("x|"));
  CHECK(second.answer().body.starts_with("y|"));
  CHECK(third.ask(get("/hello/z", bearer("v"))).status == 200);
}

TEST_CASE("a caller who goes away while it is asked about is let go") {
  const auto callers = std::make_shared<Callers>(true);
  callers->open(false);
  TestServer server({}, rules_of(callers));
  {
    Peer peer(server.address());
    peer.send(get("/hello/x", bearer("v")));
    CHECK(eventually([&] { return callers->reviews == 1; }));
  }
  callers->open(true);
  Peer peer(server.address());
  CHECK(peer.ask(get("/hello/y", bearer("v"))).status == 200);
  peer.send(get("/hello/z", bearer("v")));
  server.destroy();  // ends, whatever is asked at present
}
