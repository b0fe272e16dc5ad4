#include <yaml-cpp/yaml.h>

#include <catch2/catch.hpp>
#include <set>

#include "core/rest/openapi_text.hpp"
#include "tests/unit/rest/bench.hpp"

using namespace operon;

namespace {

const char* role_word(http::Role role) {
  switch (role) {
    case http::Role::anyone:
      return "anyone";
    case http::Role::view:
      return "view";
    case http::Role::stop:
      return "stop";
    case http::Role::run:
      return "run";
    case http::Role::admin:
      return "admin";
  }
  return "";
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  return text;
}

struct Document {
  YAML::Node root = YAML::Load(rest::openapi_text());

  YAML::Node resolved(const YAML::Node& node) const {
    if (!node["$ref"]) return node;
    YAML::Node at = YAML::Clone(root);
    std::istringstream path(node["$ref"].as<std::string>().substr(2));
    for (std::string part; std::getline(path, part, '/');) at.reset(at[part]);
    return at;
  }
  /// "get /health" -> operation
  std::map<std::string, YAML::Node> operations() const {
    std::map<std::string, YAML::Node> all;
    for (const auto& path : root["paths"])
      for (const auto& item : path.second)
        if (const auto method = item.first.as<std::string>(); method != "parameters")
          all.emplace(method + " " + path.first.as<std::string>(), item.second);
    return all;
  }
};

/// Every place where an object may have members that are not described.
void find_open_objects(const YAML::Node& schema, const std::string& where, std::vector<std::string>& open) {
  if (!schema.IsMap()) return;
  if (schema["type"] && schema["type"].IsScalar() && schema["type"].as<std::string>() == "object" && !schema["additionalProperties"])
    open.push_back(where);
  for (const auto& child : schema) {
    const auto name = child.first.as<std::string>();
    if (name == "properties") {
      for (const auto& property : child.second) find_open_objects(property.second, where + "." + property.first.as<std::string>(), open);
    } else if (name == "items" || name == "additionalProperties") {
      find_open_objects(child.second, where + "." + name, open);
    }
  }
}

}  // namespace

TEST_CASE("openapi: every route is described, and every description is a route") {
  test::Bench t;
  const Document document;
  std::set<std::string> routes, described;
  for (const auto& route : t.router.routes()) routes.insert(lower(http::to_string(route.method)) + " " + route.pattern);
  for (const auto& [name, operation] : document.operations()) described.insert(name);
  CHECK(routes == described);
}

TEST_CASE("openapi: roles, interfaces, bodies and parameters are the route's") {
  test::Bench t;
  const auto operations = Document().operations();
  const Document document;
  for (const auto& route : t.router.routes()) {
    const std::string name = lower(http::to_string(route.method)) + " " + route.pattern;
    INFO(name);
    REQUIRE(operations.count(name));
    const auto& operation = operations.at(name);
    CHECK(operation["x-operon-role"].as<std::string>() == role_word(route.role));
    CHECK(operation["x-operon-interface"].as<std::string>("") == route.interface_id);
    CHECK(operation["operationId"]);
    CHECK(operation["responses"]["default"]);
    if (route.ignores_body || route.method == http::Method::get) CHECK_FALSE(operation["requestBody"]);

    std::set<std::string> in_path, declared;
    for (size_t at = route.pattern.find('{'); at != std::string::npos; at = route.pattern.find('{', at + 1))
      in_path.insert(route.pattern.substr(at + 1, route.pattern.find('}', at) - at - 1));
    const auto collect = [&](const YAML::Node& parameters) {
      for (const auto& parameter : parameters) {
        const auto p = document.resolved(parameter);
        if (p["in"].as<std::string>() == "path") declared.insert(p["name"].as<std::string>());
      }
    };
    collect(document.root["paths"][route.pattern]["parameters"]);
    collect(operation["parameters"]);
    CHECK(in_path == declared);
  }
}

TEST_CASE("openapi: every answer of an error is the error body, and every response schema is closed") {
  const Document document;
  std::set<std::string> used;
  for (const auto& [name, operation] : document.operations()) {
    for (const auto& response : operation["responses"]) {
      const auto status = response.first.as<std::string>();
      const auto resolved = document.resolved(response.second);
      for (const auto& content : resolved["content"]) {
        const auto schema = content.second["schema"];
        INFO(name << " " << status);
        if (status[0] == '4' || status[0] == '5' || status == "default")
          CHECK(schema["$ref"].as<std::string>("") == "#/components/schemas/Error");
        if (schema["$ref"]) used.insert(schema["$ref"].as<std::string>());
      }
    }
  }
  std::vector<std::string> open;
  for (bool grown = true; grown;) {
    grown = false;
    for (const auto& reference : std::set<std::string>(used)) {
      std::ostringstream text;
      text << document.resolved(YAML::Load("{$ref: '" + reference + "'}"));
      const std::string marker = "#/components/schemas/";
      for (size_t at = text.str().find(marker); at != std::string::npos; at = text.str().find(marker, at + 1)) {
        const auto end = text.str().find_first_of("\"'} \n,", at);
        grown |= used.insert(text.str().substr(at, end - at)).second;
      }
    }
  }
  for (const auto& reference : used) find_open_objects(document.resolved(YAML::Load("{$ref: '" + reference + "'}")), reference, open);
  CHECK(used.size() > 10);
  CHECK(open == std::vector<std::string>{});
}

TEST_CASE("openapi: what the routes answer is what is described") {
  test::Bench t;
  const Document document;
  const auto id = t.run();
  t.await(id, "Running");
  const auto properties = [&](const std::string& schema) {
    std::set<std::string> names;
    for (const auto& p : document.root["components"]["schemas"][schema]["properties"]) names.insert(p.first.as<std::string>());
    return names;
  };
  const auto check = [&](const nlohmann::json& answer, const std::string& schema) {
    INFO(schema << " " << answer.dump());
    const auto known = properties(schema);
    for (const auto& [key, value] : answer.items()) CHECK(known.count(key));
    for (const auto& required : document.root["components"]["schemas"][schema]["required"])
      CHECK(answer.contains(required.as<std::string>()));
  };
  check(t.ask("GET", "/").json(), "Root");
  check(t.ask("GET", "/health").json(), "Health");
  check(t.ask("GET", "/clusters", {.query = "id=" + t.target()}).json(), "Clusters");
  check(t.ask("POST", "/scenarios").json().at("scenarios")[0], "ScenarioSummary");
  check(t.ask("POST", "/scenarios/detail/hello").json(), "Scenario");
  check(t.ask("POST", "/scenarios/detail/hello").json().at("fields")[2], "Field");
  check(t.ask("GET", "/operon/v1/scenarios").json().at("scenarios")[0], "ScenarioReference");
  check(t.ask("GET", "/operon/v1/scenarios/hello").json(), "ScenarioReferenceDetail");
  check(t.ask("GET", "/scenarios/run/" + id).json(), "Job");
  check(t.ask("GET", "/scenarios/run").json(), "JobList");
  check(t.ask("GET", "/operon/v1/plugins").json().at("plugins")[0], "Plugin");
  check(t.ask("GET", "/operon/v1/version").json(), "Version");
  check(t.ask("POST", "/operon/v1/freeze", {.body = R"({"stopAll":true})"}).json(), "Freeze");
  check(t.ask("GET", "/scenarios/run/nope").json(), "Error");
}
