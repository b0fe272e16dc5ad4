#include "operon/members.hpp"

#include <catch2/catch.hpp>

using namespace operon;
using nlohmann::json;

namespace {

struct Inner {
  std::string word;
  uint8_t small = 7;
};
void from_json(const json& j, Inner& v) {
  members::require(j, "word", v.word);
  members::read(j, "small", v.small);
}

struct Outer {
  std::vector<Inner> inner;
  std::map<std::string, std::string> texts;
  std::optional<int64_t> maybe;
  bool flag = false;
  double ratio = 0;
};
void from_json(const json& j, Outer& v) {
  members::read(j, "inner", v.inner);
  members::read(j, "texts", v.texts);
  members::read(j, "maybe", v.maybe);
  members::read(j, "flag", v.flag);
  members::read(j, "ratio", v.ratio);
}

std::string complaint(const char* text) {
  try {
    json::parse(text).get<Outer>();
    return "";
  } catch (const Error& e) {
    CHECK(e.code() == Code::invalid_argument);
    return e.field() + " | " + e.what();
  }
}

}  // namespace

TEST_CASE("a wrong type names the member's whole path and both types") {
  const std::pair<const char*, const char*> table[] = {
      {R"({"inner": {}})", "inner | `inner`: must be an array, not object"},
      {R"({"inner": [{"word": "a"}, {"word": 5}]})", "inner[1].word | `inner[1].word`: must be a string, not number"},
      {R"({"inner": [{}]})", "inner[0].word | `inner[0].word`: is required"},
      {R"({"inner": [5]})", "inner[0] | `inner[0]`: must be an object, not number"},
      {R"({"inner": [{"word": "a", "small": 256}]})", "inner[0].small | `inner[0].small`: must be between 0 and 255, not 256"},
      {R"({"inner": [{"word": "a", "small": -1}]})", "inner[0].small | `inner[0].small`: must be between 0 and 255, not -1"},
      {R"({"texts": {"A": 1}})", "texts.A | `texts.A`: must be a string, not number"},
      {R"({"maybe": "5"})", "maybe | `maybe`: must be an integer, not string"},
      {R"({"maybe": 5.0})", "maybe | `maybe`: must be an integer, not number"},
      {R"({"flag": null})", "flag | `flag`: must be true or false, not null"},
      {R"({"flag": 1})", "flag | `flag`: must be true or false, not number"},
      {R"({"ratio": "1"})", "ratio | `ratio`: must be a number, not string"},
  };
  for (const auto& [text, expected] : table) CHECK(complaint(text) == expected);
}

TEST_CASE("unknown members are ignored, null is absent for an optional only, absent members keep their default") {
  const auto v = json::parse(R"({"unknown": {"x": 1}, "maybe": null, "ratio": 2, "inner": [{"word": "a"}]})").get<Outer>();
  CHECK_FALSE(v.maybe);
  CHECK(v.ratio == 2);
  CHECK(v.inner.at(0).small == 7);
}

TEST_CASE("opaque JSON text goes through as the value it is") {
  json j = json::object();
  members::write_text(j, "run", R"({"argv": ["a", 1.5]})");
  CHECK(j["run"]["argv"][1] == 1.5);
  std::string text;
  members::read_text(j, "run", text);
  CHECK(json::parse(text) == j["run"]);
  members::write_text(j, "none", "");
  CHECK_FALSE(j.contains("none"));
  CHECK_THROWS_WITH(members::write_text(j, "bad", "{"), "`bad`: is not valid JSON");
}
