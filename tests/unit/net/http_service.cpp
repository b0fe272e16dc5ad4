#include "core/net/http_service.hpp"

#include <catch2/catch.hpp>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>

#include "web_server.hpp"

using namespace operon;
using namespace operon::net;
using namespace operon::net::test;
using nlohmann::json;

namespace {

/// A question whose asker takes one chunk at a time when told to be slow.
class Question : public base::ServiceCall {
 public:
  explicit Question(json request, std::string verb = "request") : verb_(std::move(verb)), request_(request.dump()) {}

  std::string_view verb() const noexcept override { return verb_; }
  std::string_view request_json() const noexcept override { return request_; }
  std::string_view instance() const noexcept override { return "tester"; }
  int64_t deadline_unix_ms() const noexcept override { return 0; }
  bool cancelled() const noexcept override { return false; }
  void on_cancel(std::function<void()> function) override { cancel = std::move(function); }
  bool chunk(uint32_t stream, std::string_view data) override {
    std::lock_guard lock(mutex_);
    if (slow && !room_) {
      refused_ = true;
      changed_.notify_all();
      return false;
    }
    room_ = false;
    CHECK(stream == 1);
    body.append(data);
    ++chunks;
    return true;
  }
  void on_resume(std::function<void()> function) override { resume_ = std::move(function); }
  void reply(std::string_view text) override { finish(Code::ok, std::string(text)); }
  void fail(const Error& error) override { finish(error.code(), error.what()); }

  /// Lets chunk after chunk through until the end.
  void wait() {
    std::unique_lock lock(mutex_);
    while (!code) {
      REQUIRE(changed_.wait_for(lock, std::chrono::seconds(5), [&] { return code || refused_; }));
      if (!refused_) continue;
      refused_ = false;
      room_ = true;
      auto resume = resume_;
      lock.unlock();
      resume();
      lock.lock();
    }
  }

  std::function<void()> cancel;
  bool slow = false;
  std::string body, text;
  int chunks = 0;
  std::optional<Code> code;

 private:
  void finish(Code how, std::string what) {
    std::lock_guard lock(mutex_);
    CHECK_FALSE(code);
    code = how;
    text = std::move(what);
    resume_ = nullptr;
    cancel = nullptr;
    changed_.notify_all();
  }

  std::string verb_, request_;
  std::function<void()> resume_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool refused_ = false, room_ = false;
};

std::shared_ptr<Question> ask(json request) {
  auto service = make_http_service(std::make_shared<Client>());
  auto question = std::make_shared<Question>(std::move(request));
  try {
    service->invoke(question);
  } catch (const Error& e) {
    question->fail(e);
  }
  question->wait();
  return question;
}

}  // namespace

TEST_CASE("a plugin's request is answered with status and headers, the body before it") {
  WebServer server([](const std::string&) { return answer(201, std::string("\xff\x00z", 3), "X-A: 1\r\nX-A: 2\r\n"); });
  const auto q = ask({{"url", server.url("/p")}, {"method", "POST"}, {"headers", {{"X-B", "3"}}}, {"bodyBase64", "aGk="}});
  REQUIRE(q->code == Code::ok);
  CHECK(q->body == std::string("\xff\x00z", 3));
  const auto reply = json::parse(q->text);
  CHECK(reply["status"] == 201);
  CHECK(reply["bodyBytes"] == 3);
  CHECK(reply["headers"]["x-a"] == "1, 2");
  CHECK(reply["url"] == server.url("/p"));
  CHECK_THAT(server.requests().at(0), Catch::EndsWith("\r\n\r\nhi") && Catch::Contains("X-B: 3"));
}

TEST_CASE("a plugin that takes little at a time gets everything, in order") {
  std::string big;
  for (int i = 0; big.size() < 300000; ++i) big += std::to_string(i) + "\n";
  WebServer server([&](const std::string&) { return answer(200, big); });
  auto service = make_http_service(std::make_shared<Client>());
  auto q = std::make_shared<Question>(json{{"url", server.url()}});
  q->slow = true;
  service->invoke(q);
  q->wait();
  CHECK(q->code == Code::ok);
  CHECK(q->body == big);
  CHECK(q->chunks >= 4);
}

TEST_CASE("what is wrong in a request names its member") {
  CHECK(ask({{"method", "GET"}})->text == "url: must be given");
  CHECK(ask({{"url", 1}})->text == "url: must be text");
  CHECK(ask({{"url", "http://x/"}, {"headers", {{"A", 1}}}})->text == "headers: must be an object of texts");
  CHECK(ask({{"url", "http://x/"}, {"bodyBase64", "?"}})->text == "bodyBase64: must be base64");
  CHECK(ask({{"url", "http://x/"}, {"timeoutMs", -1}})->text == "timeoutMs: must be a whole number, not negative");
  CHECK(ask({{"url", "ftp://x/"}})->code == Code::invalid_argument);
}

TEST_CASE("a body larger than asked for is RESOURCE_EXHAUSTED, and the default is 4 MiB") {
  WebServer server([](const std::string&) { return answer(200, std::string((4 << 20) + 1, 'x')); });
  CHECK(ask({{"url", server.url()}})->code == Code::resource_exhausted);
  CHECK(ask({{"url", server.url()}, {"bodyBytesMax", 5 << 20}})->code == Code::ok);
}

TEST_CASE("an unknown verb is UNIMPLEMENTED") {
  auto service = make_http_service(std::make_shared<Client>());
  CHECK_THROWS_AS(service->invoke(std::make_shared<Question>(json::object(), "dance")), Error);
}
