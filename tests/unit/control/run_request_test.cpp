#include "core/control/run_request.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "core/control/run_rules.hpp"
#include "operon/error.hpp"

using namespace operon;
using namespace operon::control;
using nlohmann::json;

namespace {

json minimal() {
  return {{"targetId", "t"}, {"clusterName", "c"}, {"scenarioImage", "dir://hello"}, {"scenarioName", "hello"}};
}

RunRequest parse(const json& body, std::string_view key = {}) {
  return parse_run_request(body.dump(), key, {});
}

/// "CODE field: message"
std::string refusal(const std::string& body, std::string_view key = {}) {
  try {
    parse_run_request(body, key, {});
  } catch (const Error& e) {
    return std::to_string(static_cast<int>(e.code())) + " " + e.field() + ": " + e.what();
  }
  return "taken";
}
std::string refusal(const json& body, std::string_view key = {}) {
  return refusal(body.dump(), key);
}

std::string refusal_with(const char* member, json value) {
  auto body = minimal();
  body[member] = std::move(value);
  return refusal(body);
}

}  // namespace

TEST_CASE("the four required members are looked at first, in the contract's order") {
  json body = {{"environment", 5}};
  CHECK(refusal(body) == "3 targetId: targetId is required");
  body["targetId"] = "t";
  CHECK(refusal(body) == "3 clusterName: clusterName is required");
  body["clusterName"] = "";
  CHECK(refusal(body) == "3 clusterName: clusterName is required");
  body["clusterName"] = "c";
  CHECK(refusal(body) == "3 scenarioImage: scenarioImage is required");
  body["scenarioImage"] = nullptr;
  CHECK(refusal(body) == "3 scenarioImage: scenarioImage is required");
  body["scenarioImage"] = "dir://hello";
  CHECK(refusal(body) == "3 scenarioName: scenarioName is required");
  body["scenarioName"] = 7;
  CHECK(refusal(body) == "3 scenarioName: scenarioName must be a string");
}

TEST_CASE("defaults, unknown members and nulls") {
  auto body = minimal();
  body["somethingElse"] = 5;
  for (const char* member :
       {"environment", "files", "timeoutSeconds", "provider", "registry", "runner", "kubeconfigPath", "skipTls", "idempotencyKey"})
    body[member] = nullptr;
  const auto r = parse(body);
  CHECK(r.kubeconfig_path == "/home/krkn/.kube/config");
  CHECK(r.environment.empty());
  CHECK(r.files.empty());
  CHECK(r.timeout_seconds == 0);
  CHECK_FALSE(r.own_registry);
}

TEST_CASE("a wrong type names its member") {
  CHECK(refusal_with("environment", 5).substr(0, 14) == "3 environment:");
  CHECK(refusal_with("environment", {{"A", 5}}).substr(0, 16) == "3 environment.A:");
  CHECK(refusal_with("files", "x").substr(0, 8) == "3 files:");
  CHECK(refusal_with("files", json::array({5})).substr(0, 11) == "3 files[0]:");
  CHECK(refusal_with("timeoutSeconds", "60").substr(0, 17) == "3 timeoutSeconds:");
  CHECK(refusal_with("timeoutSeconds", 1e300).substr(0, 17) == "3 timeoutSeconds:");
  CHECK(refusal_with("timeoutSeconds", 60.0) == refusal_with("timeoutSeconds", 60));
  CHECK(refusal_with("timeoutSeconds", 1.5).substr(0, 17) == "3 timeoutSeconds:");
  CHECK(refusal_with("skipTls", "yes").substr(0, 10) == "3 skipTls:");
  CHECK(refusal_with("runner", json::array()).substr(0, 9) == "3 runner:");
  CHECK(refusal(std::string("[]")).substr(0, 2) == "3 ");
  CHECK(refusal(std::string("")).substr(0, 2) == "3 ");
  CHECK(refusal(minimal().dump() + "x").substr(0, 2) == "3 ");
  CHECK(refusal(std::string(R"({"targetId":"a","targetId":"b"})")).substr(0, 2) == "3 ");
}

TEST_CASE("files are decoded, and a bad one is named") {
  auto body = minimal();
  body["files"] = json::array({{{"name", "a.txt"}, {"content", "aGVsbG8="}, {"mountPath", "/data/a.txt"}},
                               {{"name", "e"}, {"content", ""}, {"mountPath", "/data/e"}}});
  const auto r = parse(body);
  REQUIRE(r.files.size() == 2);
  CHECK(*r.files[0].content == "hello");
  CHECK(r.files[1].content->empty());

  const auto with = [](json file) { return refusal_with("files", json::array({std::move(file)})); };
  CHECK(with({{"name", "a"}, {"content", "%%%"}, {"mountPath", "/a"}}) == "3 files[0].content: files[0].content is not base64");
  CHECK(with({{"content", ""}, {"mountPath", "/a"}}) == "3 files[0].name: files[0].name is required");
  CHECK(with({{"name", "a"}, {"content", ""}}) == "3 files[0].mountPath: files[0].mountPath is required");
  CHECK(with({{"name", "a/b"}, {"content", ""}, {"mountPath", "/a"}}) == "9 files[0].name: files[0].name 'a/b' is no file name");
  for (const char* path : {"a", "/a/../b", "/a//b", "/a/", "/", "/./a", "/proc/1", "/proc", "/sys/x", "/dev/null",
                           "/var/run/secrets/kubernetes.io/serviceaccount/token", "/run/secrets/kubernetes.io/x"}) {
    INFO(path);
    CHECK(with({{"name", "a"}, {"content", ""}, {"mountPath", path}}).substr(0, 21) == "9 files[0].mountPath:");
  }
  CHECK(with({{"name", "a"}, {"content", ""}, {"mountPath", "/processes/x"}}) == "taken");
  CHECK(with({{"name", "a"}, {"content", ""}, {"mountPath", "/home/krkn/.kube/config"}}) ==
        "9 files[0].mountPath: files[0].mountPath '/home/krkn/.kube/config' is taken by another file or by kubeconfigPath");
}

TEST_CASE("only one of the registry keys is refused in the contract's words") {
  for (const char* key : {"registryUrl", "scenarioRepository"}) {
    CHECK(refusal_with(key, "x").find("Both registryUrl and scenarioRepository are required for private registry") != std::string::npos);
  }
  auto body = minimal();
  body["registryUrl"] = "r";
  body["scenarioRepository"] = "s";
  body["token"] = "t";
  REQUIRE(parse(body).own_registry);
  CHECK(parse(body).own_registry->token == "t");
}

TEST_CASE("the registry of a request is checked before anybody is asked, and its credentials are never quoted") {
  const auto with = [](const char* key, const std::string& value) {
    auto body = minimal();
    body["registryUrl"] = "registry.example.org:5000";
    body["scenarioRepository"] = "team/scenarios";
    body[key] = value;
    return refusal(body);
  };
  CHECK(with("username", "ann") == "taken");
  for (const char* url : {"https://registry.example.org", "registry.example.org/team", "ann:pw@registry.example.org", "a b"}) {
    CHECK(with("registryUrl", url) ==
          "3 registryUrl: registryUrl must be a host or host:port, as in registry.example.org:5000, without a scheme, path, user or "
          "password");
  }
  for (const char* path : {"/a", "a/", "a//b", "../a", "a:1", "a@b", "a\r\nX: y"})
    CHECK(with("scenarioRepository", path) == "3 scenarioRepository: scenarioRepository must be a path such as krkn-chaos/krkn-hub");
  CHECK(with("username", "ann:x") == "3 username: username must hold no ':', which ends it in HTTP's Basic scheme");
  for (const char* key : {"username", "password", "token"}) {
    CHECK(with(key, "canary\nX-Header: y") == "3 " + std::string(key) + ": " + key + " holds a control character, as of a line's end");
    CHECK(with(key, std::string((64 << 10) + 1, 'c')) == "3 " + std::string(key) + ": " + key + " is longer than 65536 bytes");
  }
}

TEST_CASE("illegal paths, images and environment names are refused") {
  CHECK(refusal_with("kubeconfigPath", "../x") == "9 kubeconfigPath: kubeconfigPath '../x' is not absolute");
  CHECK(refusal_with("kubeconfigPath", "/proc/self/environ") ==
        "9 kubeconfigPath: kubeconfigPath '/proc/self/environ' is under /proc, where no file may be put");
  for (const char* image : {"-rm", "a b", "dir://", "dir://../x", "dir://a/b", "a;b", "$(id)", "a\nb", "://x"}) {
    INFO(image);
    CHECK(refusal_with("scenarioImage", image).substr(0, 16) == "9 scenarioImage:");
  }
  for (const char* image :
       {"quay.io/krkn-chaos/krkn-hub:dummy-scenario", "localhost:5000/a_b@sha256:0123", "[::1]:5000/x", "dir://cpu-hog", "oci+dir://x"}) {
    INFO(image);
    CHECK(refusal_with("scenarioImage", image) == "taken");
  }
  for (const char* name : {"", "1A", "A B", "A=B", "-A", "Ä"}) {
    INFO(name);
    CHECK(refusal_with("environment", {{name, ""}}).substr(0, 14) == "9 environment:");
  }
  CHECK(refusal_with("environment", {{"A.b-C_1", ""}, {"_x", ""}}) == "taken");
}

TEST_CASE("a value at the kernel's limit is taken, one byte more is refused by name") {
  CHECK(refusal_with("environment", {{"NAME", std::string(131072 - 6, 'x')}}) == "taken");
  CHECK(refusal_with("environment", {{"NAME", std::string(131072 - 5, 'x')}}) ==
        "9 environment.NAME: environment.NAME is 131067 bytes; a value of this name may have 131066");
}

TEST_CASE("limits of counts and times") {
  json environment = json::object();
  for (int i = 0; i < 16; ++i) environment["V" + std::to_string(i)] = std::string(100'000, 'x');
  CHECK(refusal_with("environment", environment) == "9 environment: environment is 1600070 bytes in all; environment_bytes_max is 1572864");
  CHECK(refusal_with("timeoutSeconds", 0) == "9 timeoutSeconds: timeoutSeconds must be between 1 and 2592000");
  CHECK(refusal_with("timeoutSeconds", -5).substr(0, 2) == "9 ");
  CHECK(refusal_with("timeoutSeconds", 2592001).substr(0, 2) == "9 ");
  CHECK(refusal_with("clusterName", std::string(1025, 'x')).substr(0, 14) == "9 clusterName:");
  json files = json::array();
  for (int i = 0; i < 101; ++i) files.push_back({{"name", "a"}, {"content", ""}, {"mountPath", "/f" + std::to_string(i)}});
  CHECK(refusal_with("files", files) == "9 files: files holds 101 entries; files_max is 100");
}

TEST_CASE("the idempotency key comes from the body or the header, and must not differ") {
  auto body = minimal();
  CHECK(parse(body, "k").idempotency_key == "k");
  body["idempotencyKey"] = "k";
  CHECK(parse(body).idempotency_key == "k");
  CHECK(parse(body, "k").idempotency_key == "k");
  CHECK(refusal(body, "other") == "3 idempotencyKey: idempotencyKey in the body and the header Idempotency-Key differ");
  CHECK(refusal(minimal(), std::string(256, 'k')).substr(0, 17) == "9 idempotencyKey:");
}

TEST_CASE("the digest covers the whole body except credentials and the key") {
  const auto base = parse(minimal()).digest;
  CHECK(base.size() == 64);
  auto body = minimal();
  body["idempotencyKey"] = "k";
  CHECK(parse(body).digest == base);
  body["environment"] = {{"SECRET", "one"}};
  const auto one = parse(body).digest;
  CHECK(one != base);
  body["environment"] = {{"SECRET", "two"}};
  CHECK(parse(body).digest != one);
  body["files"] = json::array({{{"name", "a"}, {"content", "YQ=="}, {"mountPath", "/a"}}});
  const auto with_a = parse(body).digest;
  body["files"][0]["content"] = "Yg==";
  CHECK(parse(body).digest != with_a);

  auto own = minimal();
  own["registryUrl"] = "r";
  own["scenarioRepository"] = "s";
  const auto without = parse(own).digest;
  own["username"] = "u";
  own["password"] = "p";
  own["token"] = "t";
  CHECK(parse(own).digest == without);
  CHECK(parse_run_request(R"({"scenarioName":"hello", "scenarioImage":"dir://hello","clusterName":"c","targetId":"t"})", {}, {}).digest ==
        base);
}
