#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "core/plugin/loader.hpp"
#include "operon/error.hpp"

using namespace operon;
using namespace operon::plugin;
using nlohmann::json;

namespace {

std::string check(const json& schema, const json& configuration) {
  Manifest manifest;
  manifest.id = "p";
  manifest.library = "/p/libp.so";
  manifest.configuration_schema = schema.dump();
  try {
    check_configuration(manifest, configuration.dump(), "c.yaml:3");
  } catch (const Error& e) {
    CHECK(e.code() == Code::invalid_argument);
    return e.what();
  }
  return "valid";
}

const json schema = {{"type", "object"},
                     {"required", {"path"}},
                     {"additionalProperties", false},
                     {"properties",
                      {{"path", {{"type", "string"}, {"minLength", 1}}},
                       {"port", {{"type", "integer"}, {"minimum", 1}, {"maximum", 65535}}},
                       {"pattern", {{"type", "string"}}},
                       {"hosts", {{"type", "array"}, {"items", {{"type", "string"}, {"pattern", "^[a-z]+$"}}}}},
                       {"either", {{"anyOf", {{{"type", "string"}, {"pattern", "^a+$"}}, {{"type", "integer"}}}}}},
                       {"inner", {{"type", "object"}, {"properties", {{"name", {{"type", "string"}, {"pattern", "x"}}}}}}}}}};

}  // namespace

TEST_CASE("a configuration that meets its schema passes") {
  CHECK(check(schema,
              {{"path", "/x"}, {"port", 80}, {"pattern", "any"}, {"hosts", {"a", "b"}}, {"either", "aaa"}, {"inner", {{"name", "axb"}}}}) ==
        "valid");
  CHECK(check(schema, {{"path", "/x"}, {"either", 7}}) == "valid");
  CHECK(check(json::object(), {{"anything", 1}}) == "valid");
}

TEST_CASE("a configuration that does not is refused in words that lead to the place") {
  std::string at = "c.yaml:3: configuration of plugin 'p': ";
  CHECK(check(schema, {{"path", "/x"}, {"hosts", {"a", "B"}}}) == at + "hosts[1]: does not match the pattern ^[a-z]+$");
  CHECK(check(schema, {{"path", "/x"}, {"inner", {{"name", "abc"}}}}) == at + "inner.name: does not match the pattern x");
  CHECK_THAT(check(schema, {{"port", 80}}), Catch::StartsWith(at) && Catch::Contains("'path'"));
  CHECK(check(schema, {{"path", "/x"}, {"pth", 1}}) == at + "unknown key 'pth'; known are either, hosts, inner, path, pattern, port");
  CHECK(check(schema, {{"path", "/x"}, {"port", "80"}}) == at + "port: must be of type integer");
  CHECK_THAT(check(schema, {{"path", "/x"}, {"port", 0}}), Catch::StartsWith(at + "port: "));
  CHECK_THAT(check(schema, {{"path", "/x"}, {"either", "b"}}), Catch::StartsWith(at + "either"));
  CHECK(check(schema, json::array()) == at + "must be of type object");
}

TEST_CASE("a long value against a pattern costs neither the stack nor much time") {
  json deep = {{"type", "object"}, {"properties", {{"x", {{"type", "string"}, {"pattern", "^(a|b|ab)*c$"}}}}}};
  CHECK(check(deep, {{"x", std::string(1 << 20, 'a') + "c"}}) == "valid");
  CHECK_THAT(check(deep, {{"x", std::string(1 << 20, 'a')}}), Catch::EndsWith("x: does not match the pattern ^(a|b|ab)*c$"));
}

TEST_CASE("a value never stands in the message") {
  std::string text =
      check({{"type", "object"}, {"properties", {{"password", {{"type", "string"}, {"pattern", "^$"}}}}}}, {{"password", "canary-77"}});
  CHECK_THAT(text, !Catch::Contains("canary"));
  text = check({{"type", "object"}, {"properties", {{"password", {{"enum", {"a"}}}}}}}, {{"password", "canary-77"}});
  CHECK_THAT(text, !Catch::Contains("canary"));
}

TEST_CASE("a schema that is none is refused naming the manifest") {
  std::string at = "/p/libp.so.manifest.json: configurationSchema is no usable JSON Schema: ";
  CHECK_THAT(check({{"properties", {{"x", {{"pattern", "(?=a)"}}}}}}, json::object()), Catch::StartsWith(at + "pattern '(?=a)': "));
  CHECK_THAT(check({{"patternProperties", {{"^x", true}}}}, json::object()), Catch::StartsWith(at + "patternProperties is not supported"));
  CHECK_THAT(check({{"type", 7}}, json::object()), Catch::StartsWith(at));
}
