#include <catch2/catch.hpp>

#include "core/kube/line_splitter.hpp"
#include "core/kube/status.hpp"
#include "core/kube/watch.hpp"

using namespace operon;
using namespace operon::kube;

TEST_CASE("lines come whole, wherever chunks end") {
  const std::string text = "one\n\ntwo three\nfour\n";
  for (size_t step = 1; step <= text.size(); ++step) {
    LineSplitter splitter(100);
    std::vector<std::string> lines;
    for (size_t at = 0; at < text.size(); at += step) {
      CHECK(splitter.feed(std::string_view(text).substr(at, step), [&](std::string_view line) {
        lines.emplace_back(line);
        return true;
      }));
    }
    CHECK(lines == std::vector<std::string>{"one", "two three", "four"});
    CHECK_FALSE(splitter.half());
  }
}

TEST_CASE("a line may not grow past its limit") {
  LineSplitter splitter(10);
  const auto take = [](std::string_view) { return true; };
  CHECK(splitter.feed("0123456789\n", take));
  CHECK(splitter.feed("01234", take));
  CHECK(splitter.half());
  CHECK_FALSE(splitter.feed("567890", take));
}

TEST_CASE("events are told by their type") {
  const auto event = parse_watch_event(R"({"type":"MODIFIED","object":{"metadata":{"name":"a"}}})", "watch pods");
  CHECK(event.kind == WatchEvent::Kind::modified);
  CHECK(event.object == R"({"metadata":{"name":"a"}})");
  CHECK(parse_watch_event("{\"type\":\"BOOKMARK\",\"object\":{}}\r", "").kind == WatchEvent::Kind::bookmark);
}

TEST_CASE("an ERROR event is the error it tells, anything else is none of ours") {
  try {
    parse_watch_event(R"({"type":"ERROR","object":{"kind":"Status","reason":"Expired","message":"too old resource version","code":410}})",
                      "watch pods");
    FAIL("no error");
  } catch (const Error& e) {
    CHECK(is_expired(e));
    CHECK(std::string(e.what()) == "watch pods: too old resource version");
  }
  for (const char* line : {"", "{}", "hello", R"({"type":"ADDED","object":)", R"({"type":"STRANGE","object":{}})"}) {
    CHECK_THROWS_AS(parse_watch_event(line, ""), Error);
  }
}
