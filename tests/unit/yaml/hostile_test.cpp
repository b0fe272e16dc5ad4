#include <catch2/catch.hpp>
#include <chrono>

#include "operon/error.hpp"
#include "operon/yaml/yaml.hpp"

namespace operon::yaml {
namespace {

std::string refusal(const std::string& text, const Limits& limits = {}) {
  try {
    load(text, "f.yaml", limits);
  } catch (const Error& e) {
    CHECK(e.code() == Code::invalid_argument);
    return e.what();
  }
  return "accepted";
}

std::string repeated(const std::string& piece, size_t times) {
  std::string text;
  for (size_t i = 0; i < times; ++i) text += piece;
  return text;
}

TEST_CASE("what is no YAML is refused with its line and without its content") {
  CHECK(refusal("a: 1\nb: [1, 2\nc: 3").rfind("f.yaml:", 0) == 0);
  CHECK(refusal("a: *hunter2") == "f.yaml:1: not YAML: the referenced anchor is not defined");
  CHECK(refusal("a: \"\\q\"").find("\\q") == std::string::npos);
  CHECK(refusal("a: 1\nb: 2\na: 3") == "f.yaml:3: the key 'a' is given twice");
  CHECK(refusal("[a]: 1") == "f.yaml:1: a key must be a scalar");
  CHECK(refusal("a: 1\n<<: {b: 2}") == "f.yaml:2: merge keys (<<) are not taken; write the members out");
  CHECK(refusal("a: !!binary Zm9v") == "f.yaml:1: a tag that is not known");
  CHECK(refusal("a: !exec {x: y}") == "f.yaml:1: a tag that is not known");
  CHECK(refusal("a: 1\n---\nb: 2") == "f.yaml: more than one document; only one is read");
}

TEST_CASE("bytes that are no text are refused") {
  CHECK(refusal(std::string("a: 1\nb: \0c", 10)) == "f.yaml:2: holds a NUL character");
  CHECK(refusal("a: 1\nb: \"c\\0\"") == "f.yaml:2: holds a NUL character");
  CHECK(refusal("a: 1\n\"b\\x00\": c") == "f.yaml:2: holds a NUL character");
  CHECK(refusal("a: !!str \"\\u0000\"") == "f.yaml:1: holds a NUL character");
  CHECK(refusal("a: \xff") == "f.yaml:1: not valid UTF-8");
  CHECK(refusal("a: \x1b[31m") == "f.yaml:1: holds a control character");
  CHECK(refusal(std::string("\xff\xfe"
                            "a\0:\0",
                            6)) == "f.yaml:1: not valid UTF-8");  // UTF-16
  CHECK(refusal("\xed\xa0\x80") != "accepted");
}

TEST_CASE("an alias bomb costs a limit, not the memory") {
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 40; ++i)
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + repeated("*a" + std::to_string(i - 1) + ",", 10) + "]\n";
  CHECK(refusal(bomb) == "f.yaml:5: more than 50000 values, aliases counted as what they stand for");
  std::string text_bomb = "a: &a " + std::string(100'000, 'x') + "\nb: [" + repeated("*a,", 1'000) + "]";
  CHECK(refusal(text_bomb) == "f.yaml:2: more than 4194304 bytes of text, aliases counted as what they stand for");
  CHECK(refusal("&a [*a]") == "f.yaml:1: an alias inside of what it stands for");
  std::string anchors = repeated("&a ", 1) + repeated("[", 60) + repeated("]", 60);
  CHECK(refusal(anchors) == "accepted");
}

TEST_CASE("depth and size are limited") {
  CHECK(refusal(repeated("[", 64) + repeated("]", 64)) == "accepted");
  CHECK(refusal(repeated("[", 65) + repeated("]", 65)) == "f.yaml:1: nested deeper than 64");
  CHECK(refusal(repeated("- ", 10'000)) == "f.yaml:1: nested deeper than 64");
  CHECK(refusal(repeated("a", 64u << 20)) == "f.yaml: 67108864 bytes are more than the limit of 1048576");
  CHECK(refusal("[1,2,3]", {.nodes_max = 3}) == "f.yaml:1: more than 3 values, aliases counted as what they stand for");
}

TEST_CASE("a megabyte of anything ends soon, and never crashes") {
  const char* pieces[] = {"[",  "{",  "[a,",  "? ",   "- ",    "&a ",  "!a ",      "a: ",    "{a: ", "*a ",  "---\n", "#",
                          "\n", " ",  "[]",   "[],",  "'a': ", "a\n",  "a ",       "\"a\" ", "|\n",  ">\n",  "%a\n",  "\t",
                          "!",  "!!", "!<",   "\r",   "...\n", ": ",   ", ",       "]",      "}",    "\"",   "'",     "\\",
                          "@",  "`",  "|+\n", "- - ", "? - ",  "-\n ", "\xc3\xa4", "[?",     "{?:",  "!2\n", "&",     "* "};
  for (std::string piece : pieces) {
    INFO(piece);
    auto begin = std::chrono::steady_clock::now();
    refusal(repeated(piece, (1u << 20) / piece.size()));
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(20));
  }
}

}  // namespace
}  // namespace operon::yaml
