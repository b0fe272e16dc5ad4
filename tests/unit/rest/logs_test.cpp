#include <catch2/catch.hpp>

#include "core/rest/log_stream.hpp"
#include "tests/unit/rest/bench.hpp"

using namespace operon;
using test::Bench;
using Got = http::StreamSource::Got;

namespace {

/// Plays back what a test wrote.
class ScriptedReader final : public jobs::LogReader {
 public:
  std::vector<std::pair<Got, std::string>> script;
  Got read(std::string& into, size_t) override {
    if (script.empty()) return Got::wait;
    auto [got, text] = script.front();
    script.erase(script.begin());
    into += text;
    return got;
  }
};

struct Scripted {
  ScriptedReader* reader = nullptr;
  std::function<void()> waker;
  std::unique_ptr<rest::LogStream> stream;
  Scripted() {
    stream = std::make_unique<rest::LogStream>([this](std::function<void()> w) {
      auto r = std::make_unique<ScriptedReader>();
      reader = r.get();
      waker = std::move(w);
      return r;
    });
  }
};

}  // namespace

TEST_CASE("logs: the route's answer is a stream that may go over a WebSocket") {
  Bench t;
  const auto id = t.run();
  t.finish(id, "Succeeded");
  t.await(id, "Succeeded");
  const auto a = t.ask("GET", "/scenarios/run/" + id + "/logs");
  CHECK(a.status == 200);
  CHECK(a.response.content_type == "text/plain; charset=utf-8");
  CHECK(a.response.headers ==
        std::vector<std::pair<std::string, std::string>>{{"Cache-Control", "no-cache"}, {"X-Content-Type-Options", "nosniff"}});
  CHECK(a.response.websocket);
  REQUIRE(a.response.stream);
}

TEST_CASE("logs: every refusal, in JSON or as a frame") {
  Bench t;
  const auto id = t.run();
  const auto refusal = [&](const std::string& query) { return t.ask("GET", "/scenarios/run/" + id + "/logs", {.query = query}).error(); };
  CHECK(t.ask("GET", "/scenarios/run/nope/logs").error() == "not_found: Job with ID 'nope' not found");
  CHECK(refusal("follow=yes") == "bad_request: query parameter 'follow' must be true or false, not 'yes'");
  CHECK(refusal("timestamps=2") == "bad_request: query parameter 'timestamps' must be true or false, not '2'");
  CHECK(refusal("tailLines=-1") == "bad_request: query parameter 'tailLines' must be a whole number from 0 up, not '-1'");
  CHECK(refusal("tailLines=1.5").substr(0, 12) == "bad_request:");
  CHECK(refusal("tailLines=99999999999999999999").substr(0, 12) == "bad_request:");

  // Half a handshake is no WebSocket: its refusal is JSON like every other.
  CHECK(t.ask("GET", "/scenarios/run/nope/logs", {.headers = {{"Upgrade", "websocket"}}}).error() ==
        "not_found: Job with ID 'nope' not found");
  const auto frame = t.ask("GET", "/scenarios/run/nope/logs", {.websocket = true});
  CHECK(frame.response.websocket);
  REQUIRE(frame.response.stream);
  CHECK(test::read_all(*frame.response.stream) == "ERROR: Job with ID 'nope' not found\n");
}

TEST_CASE("logs: bytes pass as they are, the waker reaches the stream's thread") {
  Scripted t;
  int woken = 0;
  t.waker();  // before anybody listens: harmless
  t.stream->set_waker([&] { ++woken; });
  t.reader->script = {{jobs::LogReader::Got::data, std::string("a\0\x1b[31m\xff\r\n", 10)}, {jobs::LogReader::Got::end, "no newline"}};
  bool ended = false;
  CHECK(test::read_all(*t.stream, &ended) == std::string("a\0\x1b[31m\xff\r\nno newline", 20));
  CHECK(ended);
  t.waker();
  CHECK(woken == 1);
  t.stream.reset();
  t.waker();  // after the stream has gone: harmless
}

TEST_CASE("logs: a stopping host says so on a line of its own and ends") {
  Scripted t;
  int woken = 0;
  t.stream->set_waker([&] { ++woken; });
  t.reader->script = {{jobs::LogReader::Got::data, "half a line"}};
  bool ended = true;
  CHECK(test::read_all(*t.stream, &ended) == "half a line");
  CHECK_FALSE(ended);
  t.stream->drain();
  CHECK(woken == 1);
  CHECK(test::read_all(*t.stream, &ended) == "\nERROR: the host is stopping; the run goes on, follow its log again in a moment\n");
  CHECK(ended);
}

TEST_CASE("logs: what is left is told before the host stops") {
  Scripted t;
  t.stream->set_waker([] {});
  t.stream->drain();
  t.reader->script = {{jobs::LogReader::Got::data, "left\n"}};
  CHECK(test::read_all(*t.stream) == "left\nERROR: the host is stopping; the run goes on, follow its log again in a moment\n");
}

TEST_CASE("logs: a run that never pauses does not keep the host from stopping") {
  Scripted t;
  t.stream->set_waker([] {});
  t.reader->script.assign(1000, {jobs::LogReader::Got::data, std::string(64 << 10, 'x') + "\n"});
  std::string text;
  CHECK(t.stream->read(text, 64 << 10) == Got::data);
  t.stream->drain();
  const auto rest = test::read_all(*t.stream);
  CHECK(rest.ends_with("\nERROR: the host is stopping; the run goes on, follow its log again in a moment\n"));
  CHECK(rest.size() < 2 << 20);
}

TEST_CASE("logs: a dropped follower is told") {
  Scripted t;
  t.reader->script = {{jobs::LogReader::Got::dropped, ""}};
  CHECK(test::read_all(*t.stream) == "ERROR: dropped: this follower took nothing for too long; follow again\n");
  CHECK(t.stream->dropped_marker() == "ERROR: dropped: this follower took nothing for too long; follow again\n");
}
