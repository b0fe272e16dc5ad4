#include "scenario_file.hpp"

#include <catch2/catch.hpp>

#include "operon/error.hpp"

namespace registry_dir {
namespace {

std::string refusal(const std::string& text) {
  try {
    parse_scenario(text, "s.yaml");
  } catch (const operon::Error& e) {
    return e.what();
  }
  return "accepted";
}

const std::string head = "title: T\nrun: {argv: [echo]}\n";

TEST_CASE("a whole scenario") {
  auto s = parse_scenario(R"x(title: Ping
description: Pings.
fields:
- {name: count, variable: COUNT, type: Number, default: 010, required: true}
globals:
  title: Common
  fields: [{name: region, variable: REGION, type: string, secret: 1}]
run:
  argv: [ping, -c, $(COUNT), 5]
  workdir: sub
  env: {LC_ALL: C, N: 5}
  revert: {argv: [true]}
)x",
                          "s.yaml");
  CHECK(s.texts.title == "Ping");
  REQUIRE(s.texts.fields.size() == 1);
  CHECK(s.texts.fields[0].default_value == "010");
  CHECK(s.texts.fields[0].required);
  REQUIRE(s.globals);
  CHECK(s.globals->fields[0].secret);
  CHECK(s.run == R"x({"argv":["ping","-c","$(COUNT)","5"],"env":{"LC_ALL":"C","N":"5"},"revert":{"argv":["true"]},"workdir":"sub"})x");
}

TEST_CASE("what the run part says of its target and of undoing reaches the runner as truth values") {
  CHECK(parse_scenario("title: T\nrun: {argv: [a], needsKubeconfig: true, revert: {argv: [b], always: true}}", "s").run ==
        R"({"argv":["a"],"needsKubeconfig":true,"revert":{"always":true,"argv":["b"]}})");
  CHECK(parse_scenario("title: T\nrun: {argv: [a], needsKubeconfig: false, revert: {argv: [b], always: false}}", "s").run ==
        R"({"argv":["a"],"revert":{"argv":["b"]}})");
  CHECK(refusal("title: T\nrun:\n  argv: [a]\n  needsKubeconfig: yes") == "s.yaml:4: `needsKubeconfig` must be true or false");
}

TEST_CASE("a malformed one says file, line and what to write") {
  CHECK(refusal("") == "s.yaml:1: a scenario must be a map with title, description, fields, globals and run");
  CHECK(refusal("run: {argv: [x]}") == "s.yaml:1: `title` is missing");
  CHECK(refusal("title: T") == "s.yaml:1: `run` must be a map that says what to run: {argv: [...]}");
  CHECK(refusal(head + "feilds: []") == "s.yaml:3: unknown key 'feilds'; known are title, description, fields, globals, run");
  CHECK(refusal("title: T\nrun:\n  argv: []") == "s.yaml:2: `argv` must be a list of texts: the program and its arguments");
  CHECK(refusal("title: T\nrun:\n  argv: echo hi") == "s.yaml:2: `argv` must be a list of texts: the program and its arguments");
  CHECK(refusal("title: T\nrun:\n  argv: [a, [b]]") == "s.yaml:3: an argument must be text");
  CHECK(refusal("title: T\nrun:\n  argv: [a]\n  cwd: /") ==
        "s.yaml:4: unknown key 'cwd'; known are argv, workdir, env, revert, needsKubeconfig");
  CHECK(refusal("title: T\nrun:\n  argv: [a]\n  env: {A=B: c}") == "s.yaml:4: not the name of an environment variable");
  CHECK(refusal("title: T\nrun:\n  argv: [a]\n  revert:\n    argv: x") ==
        "s.yaml:4: `argv` must be a list of texts: the program and its arguments");
  CHECK(refusal(head + "fields:\n- {name: n,\n   type: text, variable: N}") ==
        "s.yaml:5: field 'n': attribute 'type' is not known: 'text'; use string, boolean, number, enum, file, file_base64 or group");
  CHECK(refusal(head + "fields:\n- {name: n, type: number, variable: N, default: x}") ==
        "s.yaml:4: field 'n' (N): schema validation error on default value: `value`: 'x' is not a number");
  CHECK(refusal(head + "fields: [{name: n, type: string, variable: N}, {name: n, type: string, variable: M}]") ==
        "s.yaml:3: field 'n': attribute 'name' is used by an earlier field");
  CHECK(refusal(head +
                "fields: [{name: n, type: string, variable: N}]\nglobals: {title: G, fields: [{name: m, type: string, variable: N}]}") ==
        "s.yaml:4: variable 'N' is a field of the scenario already");
  CHECK(refusal("title: [T]\nrun: {argv: [x]}") == "s.yaml:1: `title` must be text");
}

}  // namespace
}  // namespace registry_dir
