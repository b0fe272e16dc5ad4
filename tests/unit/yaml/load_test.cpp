#include <catch2/catch.hpp>

#include "operon/error.hpp"
#include "operon/yaml/yaml.hpp"

namespace operon::yaml {
namespace {

using nlohmann::json;

TEST_CASE("a document becomes the JSON it says") {
  auto document = load(R"(
# comment
text: plain words
quoted: "12"
tagged: !!str 12
int: 12
negative: -3
hex: 0xff
octal: 0o17
float: 1.5e3
yes: yes
bool: True
nothing:
tilde: ~
list: [a, {b: c}, [], {}]
block: |
  two
  lines
folded: >-
  one
  line
anchored: &x {k: v}
alias: *x
)",
                       "f.yaml");
  CHECK(
      document.value ==
      json::parse(
          R"({"text":"plain words","quoted":"12","tagged":"12","int":12,"negative":-3,"hex":255,"octal":15,"float":1500.0,"yes":"yes","bool":true,
    "nothing":null,"tilde":null,"list":["a",{"b":"c"},[],{}],"block":"two\nlines\n","folded":"one line","anchored":{"k":"v"},"alias":{"k":"v"}})"));
}

TEST_CASE("scalars as text lose nothing") {
  auto document = load("a: 010\nb: 1.50\nc: true\nd: ~\ne: 'null'\nf: 18446744073709551616", "f", {}, Scalars::text);
  CHECK(document.value == json::parse(R"({"a":"010","b":"1.50","c":"true","d":null,"e":"null","f":"18446744073709551616"})"));
  CHECK(load("18446744073709551616", "f").value == json("18446744073709551616"));  // fits no number, stays text
}

TEST_CASE("every value knows its place") {
  auto document = load("a: 1\nlist:\n  - x\n  - k:\n      deep: y\n\"s/l~h\": 3\n", "f.yaml");
  CHECK(document.where("/a") == "f.yaml:1");
  CHECK(document.where("/list") == "f.yaml:2");
  CHECK(document.where("/list/0") == "f.yaml:3");
  CHECK(document.where("/list/1/k") == "f.yaml:4");
  CHECK(document.where("/list/1/k/deep") == "f.yaml:5");
  CHECK(document.where("/s~1l~0h") == "f.yaml:6");
  CHECK(document.where("/list/1/k/none/further") == "f.yaml:4");  // the nearest thing around it
  CHECK(document.where("/none") == "f.yaml:1");
}

TEST_CASE("empty documents are null, a byte order mark is skipped") {
  CHECK(load("", "f").value.is_null());
  CHECK(load("# only this\n", "f").value.is_null());
  CHECK(load("\xef\xbb\xbf"
             "a: 1",
             "f")
            .value == json{{"a", 1}});
  CHECK(load("---\na: 1\n...\n", "f").value == json{{"a", 1}});
}

}  // namespace
}  // namespace operon::yaml
