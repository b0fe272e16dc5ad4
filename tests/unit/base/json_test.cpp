#include "core/base/json.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "operon/error.hpp"

namespace operon::base {
namespace {

std::string refusal(std::string_view text, const JsonLimits& limits = {}) {
  try {
    parse_json(text, limits);
  } catch (const Error& e) {
    CHECK(e.code() == Code::invalid_argument);
    return e.what();
  }
  return "accepted";
}

std::string repeated(std::string_view piece, size_t times) {
  std::string text;
  for (size_t i = 0; i < times; ++i) text += piece;
  return text;
}

TEST_CASE("a document becomes the value it says") {
  auto value = parse_json(R"( {"a":[1,-2,2.5,true,null,"x\u00e9"],"b":{"c":{}},"d":[]} )");
  CHECK(value == nlohmann::json::parse(R"({"a":[1,-2,2.5,true,null,"xé"],"b":{"c":{}},"d":[]})"));
  CHECK(parse_json("18446744073709551615") == 18446744073709551615u);
  CHECK(parse_json("-9223372036854775808") == INT64_MIN);
}

TEST_CASE("what is not one JSON document is refused, saying where") {
  CHECK(refusal("") ==
        "invalid JSON at byte 1: syntax error while parsing value - unexpected end of input; expected '[', '{', or a literal");
  CHECK(refusal("{} x") == "invalid JSON at byte 4: syntax error while parsing value - invalid literal");
  CHECK(refusal("{}{}") != "accepted");
  CHECK(refusal(R"({"a":1,})") != "accepted");
  CHECK(refusal("[1 2]") != "accepted");
  CHECK(refusal("// c\n1") != "accepted");
  CHECK(refusal("NaN") != "accepted");
  CHECK(refusal("\xef\xbb\xbf{}") == "invalid JSON at byte 1: begins with a byte order mark");
}

TEST_CASE("a key that comes twice is refused at any depth") {
  CHECK(refusal(R"({"a":1,"b":2,"a":3})") == "invalid JSON at byte 16: duplicate key \"a\"");
  CHECK(refusal(R"({"x":[{"k":1,"\u006b":2}]})") == "invalid JSON at byte 21: duplicate key \"k\"");
  CHECK(refusal(R"([{"a":1},{"a":2}])") == "accepted");
}

TEST_CASE("numbers that would change are refused") {
  CHECK(refusal("18446744073709551616") == "invalid JSON at byte 20: integer 18446744073709551616 does not fit 64 bits");
  CHECK(parse_json("[18446744073709551616]", {.wide_integers = true})[0].is_number_float());
  CHECK(refusal("-9223372036854775809") != "accepted");
  CHECK(refusal("1e400").find("1e400") != std::string::npos);
  CHECK(refusal(std::string(1'000'000, '9')) != "accepted");
  CHECK(refusal("0." + std::string(1'000'000, '3')) == "accepted");
}

TEST_CASE("bytes that are no UTF-8, control characters and NUL are refused") {
  CHECK(refusal("\"\xff\"") != "accepted");
  CHECK(refusal("\"\xed\xa0\x80\"") != "accepted");
  CHECK(refusal(std::string_view("\"a\0b\"", 5)) != "accepted");
  CHECK(refusal(std::string_view("{}\0", 3)) == "invalid JSON at byte 3: a NUL byte");
  CHECK(refusal(std::string_view("{}\0{\"a\":1}", 10)) == "invalid JSON at byte 3: a NUL byte");
  CHECK(refusal("\"\n\"") != "accepted");
  CHECK(refusal(R"("\ud800")") != "accepted");
  CHECK(refusal(R"("a\u0000b")") == "invalid JSON at byte 10: string holds a NUL character");
  CHECK(refusal(R"({"\u0000":1})") == "invalid JSON at byte 9: key holds a NUL character");
  CHECK(parse_json(R"("a\u0000b")", {.nul_allowed = true}) == nlohmann::json(std::string("a\0b", 3)));
}

TEST_CASE("size, depth and number of values are limited") {
  CHECK(refusal("[1,2,3]", {.bytes_max = 6}) == "JSON of 7 B is larger than 6 B");
  CHECK(refusal("[[[]]]", {.depth_max = 3}) == "accepted");
  CHECK(refusal("[[[[]]]]", {.depth_max = 3}) == "invalid JSON at byte 4: nested deeper than 3");
  CHECK(refusal(repeated("[", 1'000'000)) == "invalid JSON at byte 65: nested deeper than 64");
  CHECK(refusal(repeated("{\"a\":", 100'000)) == "invalid JSON at byte 321: nested deeper than 64");
  CHECK(refusal("[1,2,3]", {.values_max = 3}) == "invalid JSON at byte 7: more than 3 values");
}

}  // namespace
}  // namespace operon::base
