#include "operon/fields/field.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/unit/fields/refusal.hpp"

namespace operon::fields {
namespace {

using nlohmann::json;

std::string parse_refusal(const char* text) {
  return refusal([&] { parse_label_field(json::parse(text)); });
}

TEST_CASE("a field of a label, all attributes, in any case of type") {
  Field f = parse_label_field(
      json::parse(R"({"name":"cloud","type":"Enum","variable":"CLOUD_TYPE","short_description":"Cloud","description":"d","default":"aws",
    "validator":"v","validation_message":"m","separator":";","allowed_values":"aws;gcp","required":"True","mount_path":"/x","requires":"a","mutually_excludes":"b",
    "secret":"T","group":"g","unknown":"ignored"})"));
  CHECK(
      json(f) ==
      json::parse(
          R"({"name":"cloud","type":"enum","variable":"CLOUD_TYPE","short_description":"Cloud","description":"d","default":"aws","validator":"v",
    "validation_message":"m","separator":";","allowed_values":"aws;gcp","required":true,"mount_path":"/x","requires":"a","mutually_excludes":"b","secret":true,"group":"g"})"));
}

TEST_CASE("absent and empty are different, false flags are left out") {
  Field f = parse_label_field(
      json::parse(R"({"name":"n","type":"string","variable":"N","default":"","description":null,"required":"false","secret":"0"})"));
  CHECK(json(f) == json::parse(R"({"name":"n","type":"string","variable":"N","default":""})"));
}

TEST_CASE("what REST writes is read back the same") {
  for (const char* text :
       {R"({"name":"n","type":"file","variable":"N","mount_path":"/m","required":true})", R"({"name":"g","type":"group"})",
        R"({"name":"n","type":"file_base64","variable":"N","secret":true,"default":""})"}) {
    CHECK(json(json::parse(text).get<Field>()) == json::parse(text));
  }
  CHECK(refusal([] { json::parse(R"({"name":"n","type":"string","variable":"N","required":"true"})").get<Field>(); }) ==
        "field 'n': attribute 'required' must be a boolean, not string");
}

TEST_CASE("a group needs no variable, everything else does") {
  CHECK(parse_label_field(json::parse(R"({"name":"g","type":"Group"})")).type == Type::group);
  CHECK(parse_refusal(R"({"name":"n","type":"string"})") == "field 'n': attribute 'variable' is missing");
}

TEST_CASE("a malformed field names field and attribute") {
  CHECK(parse_refusal(R"({"type":"string"})") == "a field without a name: attribute 'name' is missing");
  CHECK(parse_refusal(R"({"name":"n"})") == "field 'n': attribute 'type' is missing");
  CHECK(parse_refusal(R"({"name":"n","type":"text","variable":"N"})") ==
        "field 'n': attribute 'type' is not known: 'text'; use string, boolean, number, enum, file, file_base64 or group");
  CHECK(parse_refusal(R"({"name":"n","type":"number","variable":"N","default":5})") ==
        "field 'n': attribute 'default' must be a string or null, not number");
  CHECK(parse_refusal(R"({"name":"n","type":"number","variable":"N","required":"yes"})") ==
        "field 'n': attribute 'required' must be a boolean word such as \"true\" or \"false\", not \"yes\"");
  CHECK(parse_refusal(R"({"name":"n","type":"number","variable":"N","secret":"tRUE"})") != "accepted");
  CHECK(parse_refusal(R"({"name":"n","type":"number","variable":"A=B"})") ==
        "field 'n': attribute 'variable' must be the name of an environment variable, not \"A=B\"");
  CHECK(parse_refusal(R"(["n"])") == "a field must be an object, not array");
}

TEST_CASE("a list of fields has no name and no variable twice") {
  auto list = [](const char* text) { return refusal([&] { parse_label_fields(json::parse(text)); }); };
  CHECK(list(R"([{"name":"a","type":"string","variable":"A"},{"name":"a","type":"string","variable":"B"}])") ==
        "field 'a': attribute 'name' is used by an earlier field");
  CHECK(list(R"([{"name":"a","type":"string","variable":"A"},{"name":"b","type":"string","variable":"A"}])") ==
        "field 'b': attribute 'variable' \"A\" is used by an earlier field");
  CHECK(list(R"([{"name":"g","type":"group"},{"name":"h","type":"group"}])") == "accepted");
  CHECK(list("{}") == "fields must be an array, not object");
  json many = json::array();
  for (int i = 0; i < 1'001; ++i) many.push_back({{"name", std::to_string(i)}, {"type", "group"}});
  CHECK(refusal([&] { parse_label_fields(many); }) == "more than 1000 fields");
}

}  // namespace
}  // namespace operon::fields
