#include <catch2/catch.hpp>
#include <condition_variable>

#include "core/base/manual_clock.hpp"
#include "core/rest/event_stream.hpp"
#include "core/rest/heartbeat.hpp"
#include "tests/unit/rest/bench.hpp"

using namespace operon;
using test::Bench;
using namespace std::chrono_literals;

namespace {

struct Event {
  std::string id, name, data;
};

std::vector<Event> parse(const std::string& text) {
  std::vector<Event> events;
  Event event;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    if (line.empty()) {
      if (!event.name.empty()) events.push_back(event);
      event = {};
    } else if (line.starts_with("id: ")) {
      event.id = line.substr(4);
    } else if (line.starts_with("event: ")) {
      event.name = line.substr(7);
    } else if (line.starts_with("data: ")) {
      event.data = line.substr(6);
    }
  }
  return events;
}

}  // namespace

TEST_CASE("events: a new connection is greeted with the revision and then told of every change") {
  Bench t;
  const auto a = t.ask("GET", "/operon/v1/jobs/events");
  CHECK(a.status == 200);
  CHECK(a.response.content_type == "text/event-stream");
  REQUIRE(a.response.stream);
  a.response.stream->set_waker([] {});
  const std::string first = test::read_all(*a.response.stream);
  CHECK(first.starts_with("retry: 2000\n\n"));
  REQUIRE(parse(first).size() == 1);
  CHECK(parse(first)[0].name == "hello");

  const auto id = t.run();
  t.await(id, "Running");
  const auto events = parse(test::read_all(*a.response.stream));
  REQUIRE_FALSE(events.empty());
  CHECK(events.back().name == "job");
  const auto job = nlohmann::json::parse(events.back().data);
  CHECK(job == t.ask("GET", "/scenarios/run/" + id).json());
  CHECK(events.back().id == std::to_string(t.table().get(id)->revision));
}

TEST_CASE("events: Last-Event-ID resumes exactly there") {
  Bench t;
  const auto before = t.table().revision();
  const auto id = t.run();
  t.await(id, "Running");
  const auto connect = [&](const std::string& last) {
    auto a = t.ask("GET", "/operon/v1/jobs/events", {.headers = {{"Last-Event-ID", last}}});
    return parse(test::read_all(*a.response.stream));
  };
  const auto all = connect(std::to_string(before));
  REQUIRE(all.size() >= 2);
  for (const auto& event : all) CHECK(event.name == "job");
  const auto rest = connect(all.front().id);
  REQUIRE(rest.size() == all.size() - 1);
  CHECK(rest.front().id == all[1].id);
  CHECK(connect(all.back().id).empty());
}

TEST_CASE("events: an id from another history resets the client") {
  Bench t;
  const auto a = t.ask("GET", "/operon/v1/jobs/events", {.headers = {{"Last-Event-ID", "999999999"}}});
  const auto events = parse(test::read_all(*a.response.stream));
  REQUIRE(events.size() == 1);
  CHECK(events[0].name == "reset");
  CHECK(events[0].id == std::to_string(t.table().revision()));
}

TEST_CASE("events: a malformed id and unknown query keys are refused") {
  Bench t;
  CHECK(t.ask("GET", "/operon/v1/jobs/events", {.headers = {{"Last-Event-ID", "abc"}}}).error() ==
        "bad_request: Last-Event-ID must be the id of an event of this stream, not 'abc'");
  CHECK(t.ask("GET", "/operon/v1/jobs/events", {.query = "jobId=x"}).status == 400);
}

TEST_CASE("events: a silent stream says a word each heartbeat, a stopping host says goodbye") {
  Bench t;
  base::ManualClock clock;
  rest::EventStream stream(t.table(), clock, {});
  int woken = 0;
  stream.set_waker([&] { ++woken; });
  test::read_all(stream);
  clock.advance(14'999ms);
  CHECK(test::read_all(stream).empty());
  clock.advance(1ms);
  CHECK(test::read_all(stream) == ": alive\n\n");
  CHECK(test::read_all(stream).empty());

  stream.drain();
  CHECK(woken >= 1);
  bool ended = false;
  const auto events = parse(test::read_all(stream, &ended));
  REQUIRE(events.size() == 1);
  CHECK(events[0].name == "stop");
  CHECK(ended);
}

TEST_CASE("events: the heartbeat raises living signals and forgets the others") {
  std::mutex mutex;
  std::condition_variable changed;
  int raised = 0;
  rest::Heartbeat heartbeat(1ms);
  auto living = std::make_shared<rest::Signal>();
  living->set([&] {
    std::lock_guard lock(mutex);
    ++raised;
    changed.notify_all();
  });
  heartbeat.add(living);
  heartbeat.add(std::make_shared<rest::Signal>());  // gone at once
  std::unique_lock lock(mutex);
  CHECK(changed.wait_for(lock, 20s, [&] { return raised >= 2; }));
}
