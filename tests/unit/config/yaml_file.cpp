#include "core/config/yaml_file.hpp"

#include <catch2/catch.hpp>

#include "operon/error.hpp"

using namespace operon;
using namespace operon::config;
using Catch::Matchers::Contains;

namespace {
std::string failure(const std::string& text, const YamlLimits& limits = {}) {
  try {
    parse_yaml(text, "f.yaml", limits);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}
}  // namespace

TEST_CASE("a document keeps order, quoting and the line of everything") {
  const auto tree = parse_yaml("b: '8080'\na:\n  - 1\n  - x: ~\n", "f.yaml");
  CHECK(to_json(tree) == R"({"b":"8080","a":[1,{"x":null}]})");
  CHECK(tree.find("a")->items[1].find("x")->where == "f.yaml:4");
  CHECK(tree.members[0].where == "f.yaml:1");
}

TEST_CASE("an empty document is an empty map") {
  CHECK(to_json(parse_yaml("", "f.yaml")) == "{}");
  CHECK(to_json(parse_yaml("# nothing\n", "f.yaml")) == "{}");
}

TEST_CASE("anchors and aliases are written out") {
  CHECK(to_json(parse_yaml("a: &x {k: 1}\nb: *x\n", "f.yaml")) == R"({"a":{"k":1},"b":{"k":1}})");
}

TEST_CASE("what is refused, with its line") {
  CHECK(failure("a: 1\nb: 2\na: 3\n") == "f.yaml:3: \"a\" is given twice");
  CHECK(failure("? [x]\n: 1\n") == "f.yaml:1: a key must be a plain word");
  CHECK(failure("a: 1\n---\nb: 2\n") == "f.yaml: several documents; only one is read");
  CHECK_THAT(failure("a: [1\nb: 2\n"), Contains("f.yaml:") && Contains("not YAML"));
  CHECK_THAT(failure("a: \"\xff\"\n"), Contains("UTF-8"));
  CHECK(failure("a: 1\nb: \"/x\\0y\"\n") == "f.yaml:2: holds a NUL character; no path and no setting may");
  CHECK_THAT(failure("a: &x [*x]\n"), Contains("an alias inside of what it stands for"));
}

TEST_CASE("limits: size, depth, and aliases counted as what they stand for") {
  YamlLimits small;
  small.bytes_max = 4;
  CHECK_THAT(failure("a: 12\n", small), Contains("larger than 4 B"));
  CHECK_THAT(failure(std::string(40, '[') + std::string(40, ']')), Contains("nested deeper than 32 levels"));
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 12; ++i) {
    const auto before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int n = 0; n < 9; ++n) bomb += "," + before;
    bomb += "]\n";
  }
  CHECK_THAT(failure(bomb), Contains("values, with aliases written out"));
  std::string fat = "a: &a \"" + std::string(500000, 'x') + "\"\nb: [*a";
  for (int i = 0; i < 100; ++i) fat += ",*a";
  CHECK_THAT(failure(fat + "]\n"), Contains("of text, with aliases written out"));
}
