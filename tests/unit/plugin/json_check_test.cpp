#include "core/plugin/json_check.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <random>

using namespace operon::plugin;

namespace {

/// The parser's opinion. It has none of a number too large for a double, which JSON allows.
bool parser_accepts(const std::string& text) {
  try {
    nlohmann::json parsed = nlohmann::json::parse(text);
    return !parsed.is_discarded();
  } catch (const nlohmann::json::out_of_range&) {
    return is_json(text);  // where the parser stops early it has no opinion of the rest
  } catch (const nlohmann::json::parse_error&) {
    return false;
  }
}

}  // namespace

TEST_CASE("json_check agrees with a parser on texts that are changed in one place") {
  const std::string seeds[] = {
      R"({"a":[1,-2.5e+3,0,true,false,null,"x\n\u00e9\ud83d\ude00"],"b":{"c":{}},"long":"0123456789abcdef0123456789abcdef"})",
      R"([[],[[]],{"":""},"äöü€😀",1E9,-0.0])",
      "  \"only a string with \\\" and \\\\ in it\"  ",
      "-17",
  };
  std::mt19937 random(1);
  for (const std::string& seed : seeds) {
    REQUIRE(is_json(seed));
    for (int i = 0; i < 20000; ++i) {
      std::string text = seed;
      switch (random() % 3) {
        case 0:
          text[random() % text.size()] = static_cast<char>(random());
          break;
        case 1:
          text.erase(random() % text.size(), 1 + random() % 3);
          break;
        default:
          text.insert(random() % text.size(), 1, "\"\\{}[],:0e-.tfn \x01\xff\xc3"[random() % 18]);
          break;
      }
      if (text.find('\0') != std::string::npos) continue;  // the parser takes that for the end of the text
      INFO(text);
      REQUIRE(is_json(text) == parser_accepts(text));
    }
  }
}

TEST_CASE("json_check refuses what is not one value") {
  for (const char* text : {"", " ", "{", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "[1,]", "01", "1.", "-", "1e", "nul", "\"", "\"\\u12\"",
                           "\"\\ud800\"", "1 2", "{1:2}", "\"\x01\""}) {
    INFO(text);
    CHECK_FALSE(is_json(text));
  }
  CHECK_FALSE(is_json(std::string("1\0", 2)));
  CHECK(is_json_object(" {}"));
  CHECK_FALSE(is_json_object("[]"));
  CHECK_FALSE(is_json_object("{"));
}

TEST_CASE("json_check refuses overlong, surrogate and too large UTF-8") {
  for (const char* bytes : {"\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xe2\x82"}) {
    CHECK_FALSE(is_json("\"" + std::string(bytes) + "\""));
  }
}

TEST_CASE("json_check bounds the nesting") {
  CHECK(is_json(std::string(64, '[') + std::string(64, ']')));
  CHECK_FALSE(is_json(std::string(66, '[') + std::string(66, ']')));
  CHECK_FALSE(is_json(std::string(1 << 20, '[')));
}
