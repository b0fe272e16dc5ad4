#include "core/plugin/manifest.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "operon/error.hpp"
#include "tests/unit/plugin/fixture.hpp"

using namespace operon;
using namespace operon::plugin;
using nlohmann::json;

namespace {

json good() {
  return {{"id", "registry-dir"},
          {"version", "1.2.3-rc.1"},
          {"title", "T"},
          {"description", "D"},
          {"license", "Apache-2.0"},
          {"interfaces", {"operon.scenario-registry/1"}},
          {"services", {"operon.host.kv/1"}},
          {"configurationSchema", {{"type", "object"}}},
          {"attributes", {{"adhoc", true}}},
          {"librarySha256", std::string(64, 'a')},
          {"abi", {{"major", 1}, {"minMinor", 0}}},
          {"unknown", "ignored"}};
}

std::string refusal(const json& manifest) {
  try {
    parse_manifest(manifest.dump(), "/p/libx.so.manifest.json");
  } catch (const Error& e) {
    CHECK(e.code() == Code::invalid_argument);
    return e.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("a manifest is read whole") {
  Manifest m = parse_manifest(good().dump(), "/p/libregistry-dir.so.manifest.json");
  CHECK(m.id == "registry-dir");
  CHECK(m.version == "1.2.3-rc.1");
  CHECK(m.title == "T");
  CHECK(m.description == "D");
  CHECK(m.license == "Apache-2.0");
  CHECK(m.interfaces == std::vector<std::string>{"operon.scenario-registry/1"});
  CHECK(m.services == std::vector<std::string>{"operon.host.kv/1"});
  CHECK(m.configuration_schema == R"({"type":"object"})");
  CHECK(m.attributes == R"({"adhoc":true})");
  CHECK(m.library_sha256 == std::string(64, 'a'));
  CHECK(m.abi_major == 1);
  CHECK(m.library == "/p/libregistry-dir.so");
}

TEST_CASE("what a plugin may do in the cluster stands in its manifest") {
  json manifest = good();
  CHECK(parse_manifest(manifest.dump(), "x").permissions.empty());
  manifest["permissions"] = {
      {{"apiGroups", {""}}, {"resources", {"pods", "pods/log"}}, {"verbs", {"get", "list"}}, {"namespaces", {"chaos"}}},
      {{"apiGroups", {"batch", "operon.dev"}}, {"resources", {"*"}}, {"verbs", {"*"}}}};
  const auto rules = parse_manifest(manifest.dump(), "x").permissions;
  REQUIRE(rules.size() == 2);
  CHECK(rules[0].api_groups == std::vector<std::string>{""});
  CHECK(rules[0].resources == std::vector<std::string>{"pods", "pods/log"});
  CHECK(rules[0].verbs == std::vector<std::string>{"get", "list"});
  CHECK(rules[0].namespaces == std::vector<std::string>{"chaos"});
  CHECK(rules[1].namespaces.empty());
}

TEST_CASE("a permission that is not understood whole is refused") {
  const json rule = {{"apiGroups", {""}}, {"resources", {"pods"}}, {"verbs", {"get"}}};
  auto [member, value, message] = GENERATE(table<std::string, json, std::string>({
      {"apiGroups", nullptr, "permissions[0].apiGroups is not a list of 1 to 64"},
      {"verbs", json::array(), "permissions[0].verbs is not a list of 1 to 64"},
      {"verbs", {"read"}, "permissions[0].verbs has \"read\", which is not of the form get|list|"},
      {"resources", {"Pods"}, "permissions[0].resources has \"Pods\""},
      {"resources", {"pods/log/x"}, "permissions[0].resources has "},
      {"resources", {7}, "permissions[0].resources has 7"},
      {"namespaces", json::array(), "permissions[0].namespaces is not a list of 1 to 64"},
      {"namespaces", {"*"}, "permissions[0].namespaces has \"*\""},
      {"resourceNames", {"one"}, "permissions[0].resourceNames is not known"},
  }));
  json manifest = good();
  manifest["permissions"] = json::array({rule});
  CHECK(refusal(manifest) == "accepted");
  manifest["permissions"][0][member] = value;
  CHECK_THAT(refusal(manifest), Catch::StartsWith("/p/libx.so.manifest.json: " + message));
  for (const char* name : {"apiGroups", "resources", "verbs"}) {
    manifest["permissions"] = json::array({rule});
    manifest["permissions"][0].erase(name);
    CHECK_THAT(refusal(manifest), Catch::Contains("permissions[0]." + std::string(name) + " is missing"));
  }
  manifest["permissions"] = json::array({"all"});
  CHECK_THAT(refusal(manifest), Catch::Contains("permissions[0] is not an object"));
  manifest["permissions"] = json(65, rule);
  CHECK_THAT(refusal(manifest), Catch::Contains("permissions is not a list of at most 64"));
}

TEST_CASE("a manifest that is wrong is refused naming file and member") {
  auto [member, value, message] = GENERATE(table<std::string, json, std::string>({
      {"id", "Upper", "id is not lower-case letters, digits and inner dashes, at most 63"},
      {"id", "../x", "id is not lower-case letters, digits and inner dashes, at most 63"},
      {"id", 7, "id is not a string"},
      {"id", nullptr, "id is not a string"},
      {"version", "1.2", "version is not a semantic version such as 1.2.3"},
      {"interfaces", json::array(), "interfaces is missing or empty"},
      {"interfaces", {"nope"}, "interfaces has an item that is not of the form \"name/REVISION\""},
      {"interfaces", {"a/1", "a/1"}, "interfaces lists 'a/1' twice"},
      {"services", "operon.host.kv/1", "services is not a list of at most 64"},
      {"configurationSchema", json::array(), "configurationSchema is not an object"},
      {"attributes", 1, "attributes is not an object"},
      {"librarySha256", std::string(64, 'A'), "librarySha256 is not 64 lower-case hex digits"},
      {"abi", 1, "abi is missing or not an object"},
      {"abi", {{"major", 1}}, "abi.minMinor is missing"},
      {"abi", {{"major", -1}, {"minMinor", 0}}, "abi.major is not a number"},
  }));
  json manifest = good();
  manifest[member] = value;
  CHECK(refusal(manifest) == "/p/libx.so.manifest.json: " + message);
}

TEST_CASE("members that have to be there are missed") {
  for (const char* member : {"id", "version", "interfaces", "librarySha256", "abi"}) {
    json manifest = good();
    manifest.erase(member);
    CHECK_THAT(refusal(manifest), Catch::StartsWith("/p/libx.so.manifest.json: " + std::string(member) + " is missing"));
  }
  CHECK_THAT(refusal(json::array()), Catch::Contains("not a manifest"));
}

TEST_CASE("the patterns of the manifest's schema are those that the reader applies") {
  const char* source = std::getenv("OPERON_SOURCE_DIR");
  REQUIRE(source != nullptr);
  json schema = json::parse(test::read(std::filesystem::path(source) / "api/schemas/plugin-manifest.json"));
  std::string reader = test::read(std::filesystem::path(source) / "core/plugin/manifest.cpp");
  const json& rule = schema["properties"]["permissions"]["items"]["properties"];
  std::vector<json> patterns = {schema["properties"]["id"]["pattern"], schema["properties"]["version"]["pattern"],
                                schema["properties"]["interfaces"]["items"]["pattern"], schema["properties"]["librarySha256"]["pattern"],
                                rule["namespaces"]["items"]["pattern"]};
  for (const char* list : {"apiGroups", "resources", "verbs"}) {
    const auto pattern = rule[list]["items"]["pattern"].get<std::string>();  // alternatives stand in brackets between the anchors
    patterns.push_back("^" + pattern.substr(2, pattern.size() - 4) + "$");
  }
  for (const json& pattern : patterns) {
    std::string inner = pattern.get<std::string>();
    inner = json(inner.substr(1, inner.size() - 2)).dump();  // without the anchors, quoted as in the source
    INFO(inner);
    CHECK(reader.find(inner) != std::string::npos);
  }
}
