#include "core/config/reload.hpp"

#include <catch2/catch.hpp>

#include "helpers.hpp"

using namespace operon::config;
using namespace operon::config::test;

TEST_CASE("a reload tells what it can take up from what needs a restart") {
  const auto before = load_with({}, {}, "plugins:\n  a: {config: {x: 1}}\n  b: {}\n  c: {}\n").settings;
  const auto after =
      load_with({}, {}, "log: {level: debug}\nlisten: 127.0.0.1:9\nplugins:\n  a: {config: {x: 2}}\n  b: {plugin: z}\n  d: {}\n").settings;
  const auto change = compare(before, after);
  CHECK(change.reloadable == std::vector<std::string>{"log.level"});
  CHECK(change.restart == std::vector<std::string>{"listen", "plugins.b.plugin", "plugins.d", "plugins.c"});
  REQUIRE(change.plugins.size() == 1);
  CHECK(change.plugins[0]->name == "a");
  CHECK(compare(before, before).empty());

  const auto now = take_reloadable(before, after);
  CHECK(now.log.level == "debug");
  CHECK(now.listen == before.listen);
}
