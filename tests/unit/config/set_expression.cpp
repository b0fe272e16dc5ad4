#include "core/config/set_expression.hpp"

#include <catch2/catch.hpp>

#include "operon/error.hpp"

using namespace operon;
using namespace operon::config;

namespace {
std::string applied(const std::string& expression, const std::string& before = "") {
  Tree root = Tree::map("test");
  if (!before.empty()) {
    for (auto& a : parse_set(before, "before")) put(root, a.path, a.value);
  }
  for (auto& a : parse_set(expression, "flag --set")) put(root, a.path, a.value);
  return to_json(root);
}
std::string failure(const std::string& expression, const std::string& before = "") {
  try {
    applied(expression, before);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}
}  // namespace

TEST_CASE("--set builds maps and lists, with helm's escapes and types") {
  CHECK(applied("a.b=1,c=text") == R"({"a":{"b":1},"c":"text"})");
  CHECK(applied("a[0]=x,a[1].k=true") == R"({"a":["x",{"k":true}]})");
  CHECK(applied("a[0][0]=1") == R"({"a":[[1]]})");
  CHECK(applied(R"(a\.b=1)") == R"({"a.b":1})");
  CHECK(applied(R"(a=1\,2)") == R"({"a":"1,2"})");
  CHECK(applied("a={1,b,c d}") == R"({"a":[1,"b","c d"]})");
  CHECK(applied("a={}") == R"({"a":[]})");
  CHECK(applied("a=") == R"({"a":""})");
  CHECK(applied("a=x=y") == R"({"a":"x=y"})");
  CHECK(applied("a.b=null", "a.b=1,a.c=2") == R"({"a":{"c":2}})");
  CHECK(applied("a[0]=z", "a={x,y}") == R"({"a":["z","y"]})");
}

TEST_CASE("--set says what is wrong with an expression") {
  CHECK(failure("a") == "flag --set: \"a\": \"=\" is missing; write KEY=VALUE, as in log.level=debug");
  CHECK(failure("=1") == "flag --set: \"=1\": a key is missing; write KEY=VALUE, as in log.level=debug");
  CHECK(failure("a=1,") == "flag --set: \"a=1,\": a key is missing; write KEY=VALUE, as in log.level=debug");
  CHECK(failure("a[x]=1") == "flag --set: \"a[x]=1\": an index is a number in brackets; write KEY=VALUE, as in log.level=debug");
  CHECK(failure("a[=1") == "flag --set: \"a[=1\": an index is a number in brackets; write KEY=VALUE, as in log.level=debug");
  CHECK(failure("a[-1]=1") == "flag --set: \"a[-1]=1\": an index is a number in brackets; write KEY=VALUE, as in log.level=debug");
  CHECK(failure("a={1") == "flag --set: \"a={1\": \"}\" is missing; write KEY=VALUE, as in log.level=debug");
  CHECK(failure("a[0]b=1") ==
        "flag --set: \"a[0]b=1\": after an index stands a dot, another index or \"=\"; write KEY=VALUE, as in log.level=debug");
  CHECK(failure("a[5]=1") == "flag --set: a[5]: the list has 0 entries; the index may be at most that (to append)");
  CHECK(failure("a.b=1", "a=1") == "flag --set: a.b: \"b\" is asked of something that is not a map");
}
