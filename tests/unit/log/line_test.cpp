#include "core/log/line.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "core/base/scrubber.hpp"

namespace operon::log {
namespace {

Line line(std::string_view message) {
  Line l;
  l.unix_ms = 1'767'323'045'678;
  l.message = message;
  return l;
}

TEST_CASE("a line for people") {
  Line l = line("run started");
  l.request_id = "r-1";
  l.job_id = "j-1";
  l.fields = {{"runner", "local"}, {"path", "a b"}, {"empty", ""}, {"quote", "x\"y"}};
  CHECK(text_line(l, false) ==
        "2026-01-02T03:04:05.678Z info  run started runner=local path=\"a b\" empty=\"\" quote=\"x\\\"y\" requestId=r-1 jobId=j-1");
  l.level = Level::error;
  CHECK(text_line(l, true).find("\x1b[31merror\x1b[0m") != std::string::npos);
}

TEST_CASE("a line for programs") {
  Line l = line("run started");
  l.level = Level::warn;
  l.job_id = "j-1";
  l.fields = {{"runner", "local"}, {"time", "later"}};
  CHECK(
      json_line(l) ==
      R"({"time":"2026-01-02T03:04:05.678Z","level":"warn","message":"run started","jobId":"j-1","runner":"local","field_time":"later"})");
}

TEST_CASE("a message cannot forge a second line, nor a colour") {
  CHECK(text_line(line("a\n2026 info forged\x1b[0m"), false) == "2026-01-02T03:04:05.678Z info  a\\n2026 info forged\\x1b[0m");
  CHECK(json_line(line("a\nb")).find('\n') == std::string::npos);
}

TEST_CASE("bytes that are no text, and huge messages, make a bounded valid line") {
  Line l = line("x");
  const std::string huge(1'000'000, 'm');
  l.message = huge;
  l.fields = {{"bin", "\xff\xfe"}};
  const std::string text = json_line(l);
  CHECK(text.size() < 20'000);
  CHECK(nlohmann::json::parse(text)["bin"] == "\\xff\\xfe");
  CHECK(text_line(l, false).size() < 20'000);
}

TEST_CASE("secrets are hidden in message and fields, in both forms") {
  base::KnownSecret known("canary-12345");
  Line l = line("login password=pw-1 with canary-12345");
  l.fields = {{"apiToken", "t-123"}, {"note", "has canary-12345"}, {"config", R"({"password":"pw-2"})"}};
  for (const std::string& text : {text_line(l, false), json_line(l)}) {
    INFO(text);
    for (const char* secret : {"pw-1", "canary-12345", "t-123", "pw-2"}) CHECK(text.find(secret) == std::string::npos);
  }
}

TEST_CASE("a plugin's fields") {
  using Fields = std::vector<std::pair<std::string, std::string>>;
  CHECK(fields_of(R"({"a":"x","n":5,"o":{"b":[1]}})") == Fields{{"a", "x"}, {"n", "5"}, {"o", R"({"b":[1]})"}});
  CHECK(fields_of("").empty());
  CHECK(fields_of("not json") == Fields{{"fields", "not json"}});
  CHECK(fields_of("[1]") == Fields{{"fields", "[1]"}});
}

}  // namespace
}  // namespace operon::log
