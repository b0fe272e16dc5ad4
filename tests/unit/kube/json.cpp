#include "core/kube/json.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "core/base/json.hpp"
#include "operon/error.hpp"

using nlohmann::json;
using operon::base::JsonLimits;
using operon::base::parse_json;
using operon::kube::ManagedFields;
using operon::kube::parse_answer;

namespace {

std::string outcome(json (*parse)(std::string_view, const JsonLimits&), const std::string& text, const JsonLimits& limits) {
  try {
    const json value = parse(text, limits);
    std::string kinds;
    const json flat = value.flatten();
    for (const auto& [key, one] : flat.items()) kinds += key + "=" + std::to_string(static_cast<int>(one.type())) + " ";
    return value.dump() + " " + kinds;
  } catch (const operon::Error& e) {
    return e.what();
  }
}

json fast(std::string_view text, const JsonLimits& limits) {
  return parse_answer(text, limits);
}

}  // namespace

TEST_CASE("an API server's JSON is read as any other, values, kinds and errors alike") {
  const JsonLimits limits{1000, 4, 20, false};
  std::string deep = "1", many = "[0", large = "\"";
  for (int i = 0; i < 5; ++i) deep = "[" + deep + "]";
  for (int i = 0; i < 30; ++i) many += ",0";
  large.append(1000, 'x');
  for (const std::string& text :
       {std::string(
            R"({"b":1,"a":[-1,0,18446744073709551615,-9223372036854775808,1.5,1e3,true,false,null,"t","\u00e4\ud83d\ude00"],"":{}})"),
        std::string("[]"),
        std::string("\"text\""),
        std::string("17"),
        std::string(" {\"a\" : { } } "),
        std::string(),
        std::string("{"),
        std::string(R"({"a":1,"a":2})"),
        std::string(R"({"a":"b\u0000c"})"),
        std::string(R"({"a\u0000":1})"),
        std::string("[18446744073709551616]"),
        std::string("[1e999]"),
        std::string("[1] 2"),
        std::string("[\"\xff\"]"),
        std::string(R"(["\ud800"])"),
        std::string("[01]"),
        std::string("\xef\xbb\xbf[]"),
        std::string("[1]\0", 4),
        deep,
        many + "]",
        large + "\"",
        std::string("[[[[1]]]]"),

        std::string("[-0.0]")}) {
    INFO(text);
    CHECK(outcome(fast, text, limits) == outcome([](std::string_view t, const JsonLimits& l) { return parse_json(t, l); }, text, limits));
  }
}

TEST_CASE("half of a surrogate pair is refused, in values and in names; a whole one is read") {
  for (const char* half : {R"(\ud800)", R"(\udbff)", R"(\udc00)", R"(\udfff)", R"(\ud800x)", R"(\ud800\n)", R"(\ud800\ud800)",
                           R"(\ud800\u0041)", R"(\udc00\ud800)", R"(\ud83d\ude00\ud83d)"}) {
    INFO(half);
    for (const std::string& text : {R"({"metadata":{"name":")" + std::string(half) + R"("}})", R"({"a)" + std::string(half) + R"(":1})"}) {
      CHECK_THROWS_WITH(parse_answer(text, {}), Catch::Matchers::Contains("surrogate"));
      CHECK_THROWS_WITH(parse_answer(text, {}, ManagedFields::leave_out), Catch::Matchers::Contains("surrogate"));
    }
  }
  CHECK(parse_answer(R"(["\ud83d\ude00"])", {}) == json{"\xf0\x9f\x98\x80"});
  CHECK(parse_answer(R"(["\ufffd"])", {}) == json{"\xef\xbf\xbd"});
  // Left out is left out: nobody reads it.
  CHECK_THROWS_AS(parse_answer(R"({"metadata":{"managedFields":"\ud800"}})", {}, ManagedFields::leave_out), operon::Error);
}

TEST_CASE("managed fields can be left out, where they are an object's own") {
  const std::string text =
      R"({"metadata":{"managedFields":[{"manager":"m"}],"name":"n"},"spec":{"metadata":{"managedFields":[1]}},"managedFields":2})";
  CHECK(parse_answer(text, {}) == json::parse(text));
  const json without = json::parse(R"({"metadata":{"name":"n"},"spec":{"metadata":{"managedFields":[1]}},"managedFields":2})");
  CHECK(parse_answer(text, {}, ManagedFields::leave_out) == without);
}
