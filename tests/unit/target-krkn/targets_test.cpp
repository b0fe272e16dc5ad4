#include "targets.hpp"

#include <catch2/catch.hpp>

#include "operon/base64.hpp"
#include "operon/error.hpp"
#include "operon/yaml/yaml.hpp"

namespace target_krkn {
namespace {

using nlohmann::json;

constexpr const char* kubeconfig = R"(
apiVersion: v1
kind: Config
current-context: east-context
clusters: [{name: east, cluster: {server: "https://east:6443"}}]
users: [{name: admin, user: {token: canary-token}}]
contexts: [{name: east-context, context: {cluster: east, user: admin}}, {name: other, context: {cluster: east, user: admin}}]
)";

json object(json spec_changes = json::object()) {
  json spec = {{"uuid", "u-1"},
               {"clusterName", "east"},
               {"clusterAPIURL", "https://east:6443"},
               {"secretType", "kubeconfig"},
               {"secretUUID", "s-1"}};
  spec.update(spec_changes);
  return {{"metadata", {{"name", "kot-1"}, {"creationTimestamp", "2026-01-01T00:00:00Z"}, {"generation", 3}}}, {"spec", spec}};
}

json secret(std::initializer_list<std::pair<const char*, std::string>> values) {
  json data = json::object();
  for (const auto& [key, value] : values) data[key] = operon::base64_encode(value);
  return {{"metadata", {{"name", "s-1"}}}, {"data", data}};
}

std::string wrapped(const std::string& text) {
  return json{{"kubeconfig", operon::base64_encode(text)}}.dump();
}

json parsed(const std::string& text) {
  return operon::yaml::load(text, "kubeconfig").value;
}

std::string complaint(const std::function<void()>& act) {
  try {
    act();
  } catch (const operon::Error& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a target is read, and a wrong one says which field") {
  const auto target = read_target(object({{"caBundle", "Q0E="}, {"insecureSkipTLSVerify", true}}));
  CHECK(target.name == "kot-1");
  CHECK(target.cluster_name == "east");
  CHECK(target.secret_name == "s-1");
  CHECK(target.generation == 3);
  CHECK(target.insecure);
  CHECK(complaint([] { read_target({{"metadata", {{"name", "x"}}}}); }) == "`spec`: must be an object");
  CHECK(complaint([] { read_target(object({{"clusterName", 5}})); }) == "`spec.clusterName`: must be a string, not number");
  CHECK(complaint([] { read_target(object({{"clusterName", ""}})); }) == "`spec.clusterName`: must not be empty");
  CHECK(complaint([] { read_target(object({{"secretType", "ldap"}})); }) == "`spec.secretType`: must be kubeconfig, token or credentials");
  for (const char* name : {"", "../../x", "a/b", "A"}) {
    INFO(name);
    CHECK(complaint([&] { read_target(object({{"secretUUID", name}})); }) == "`spec.secretUUID`: must be a Secret's name");
  }
}

TEST_CASE("of several targets with one cluster name the oldest counts") {
  auto old = read_target(object()), young = read_target(object()), other = read_target(object({{"clusterName", "west"}}));
  old.name = "old";
  old.created = "2025-01-01T00:00:00Z";
  young.name = "young";
  std::vector<std::string> told;
  const auto left = one_of_a_name({young, other, old}, [&](const Target& t) { told.push_back(t.name); });
  REQUIRE(left.size() == 2);
  CHECK(left[0].name == "old");
  CHECK(left[1].cluster_name == "west");
  CHECK(told == std::vector<std::string>{"young"});
}

TEST_CASE("the kubeconfig comes out of its Secret with the one context that counts") {
  const auto target = read_target(object());
  for (const auto& text : {wrapped(kubeconfig), std::string(kubeconfig)}) {
    const auto flat = parsed(kubeconfig_of(target, secret({{"kubeconfig", text}}), false));
    CHECK(flat["contexts"].size() == 1);
    CHECK(flat["current-context"] == "east-context");
    CHECK(flat["users"][0]["user"]["token"] == "canary-token");
  }
}

TEST_CASE("a kubeconfig is made of a token, and of a user with a password") {
  auto target = read_target(object({{"secretType", "token"}, {"caBundle", "Q0E="}}));
  auto made = parsed(kubeconfig_of(target, secret({{"token", "canary-token"}}), false));
  CHECK(made["current-context"] == "east-context");
  CHECK(made["clusters"][0]["name"] == "east");
  CHECK(made["clusters"][0]["cluster"]["server"] == "https://east:6443");
  CHECK(made["clusters"][0]["cluster"]["certificate-authority-data"] == "Q0E=");
  CHECK(made["users"][0]["name"] == "east-user");
  CHECK(made["users"][0]["user"]["token"] == "canary-token");
  target = read_target(object({{"secretType", "credentials"}, {"insecureSkipTLSVerify", true}}));
  made = parsed(kubeconfig_of(target, secret({{"username", "u"}, {"password", "canary-password"}}), false));
  CHECK(made["clusters"][0]["cluster"]["insecure-skip-tls-verify"] == true);
  CHECK(made["users"][0]["user"]["username"] == "u");
  // krkn-operator has made it already.
  CHECK(parsed(kubeconfig_of(target, secret({{"kubeconfig", wrapped(kubeconfig)}}), false))["users"][0]["user"]["token"] == "canary-token");
}

TEST_CASE("what is unusable is said without its content") {
  const auto target = read_target(object());
  const auto fault = [&](const json& s, const Target& t) { return complaint([&] { kubeconfig_of(t, s, false); }); };
  CHECK(fault(secret({}), target) == "Secret s-1 has no key kubeconfig");
  CHECK(fault({{"data", {{"kubeconfig", "%%"}}}}, target) == "its Secret's key kubeconfig is not base64");
  CHECK(fault(secret({{"kubeconfig", R"({"kubeconfig": "%%"})"}}), target) == "the kubeconfig in its Secret is not base64");
  CHECK(fault(secret({{"token", ""}}), read_target(object({{"secretType", "token"}}))).find("the key token") != std::string::npos);
  for (const char* bad :
       {"users: [{name: admin, user: {exec: {command: canary-program}}}]", "users: [{name: admin, user: {tokenFile: /canary-path}}]"}) {
    std::string text = kubeconfig;
    const auto begin = text.find("users:");
    text.replace(begin, text.find('\n', begin) - begin, bad);
    const auto told = fault(secret({{"kubeconfig", text}}), target);
    INFO(told);
    CHECK(told.find("admin") != std::string::npos);
    CHECK(told.find("canary") == std::string::npos);
  }
  std::string local = kubeconfig;
  local.replace(local.find("https://east:6443"), 17, "https://169.254.169.254");
  CHECK_FALSE(fault(secret({{"kubeconfig", local}}), target).empty());
  CHECK(complaint([&] { kubeconfig_of(target, secret({{"kubeconfig", local}}), true); }).empty());
}

TEST_CASE("readiness is written once, and again only when it changes") {
  auto target = read_target(object());
  auto patch = status_patch(target, "", "2026-01-02T00:00:00Z");
  CHECK(patch["status"]["ready"] == true);
  CHECK(patch["status"]["conditions"][0]["lastTransitionTime"] == "2026-01-02T00:00:00Z");
  CHECK(patch["status"]["conditions"][0]["observedGeneration"] == 3);
  target.status = patch["status"];
  CHECK(status_patch(target, "", "2026-01-03T00:00:00Z").is_null());
  target.status["conditions"].push_back({{"type", "Paused"}, {"status", "True"}});
  patch = status_patch(target, "Secret s-1 is not there", "2026-01-03T00:00:00Z");
  CHECK(patch["status"]["ready"] == false);
  REQUIRE(patch["status"]["conditions"].size() == 2);
  CHECK(patch["status"]["conditions"][0]["type"] == "Paused");
  CHECK(patch["status"]["conditions"][1]["message"] == "Secret s-1 is not there");
  target.status = patch["status"];
  patch = status_patch(target, "another fault", "2026-01-04T00:00:00Z");
  CHECK(patch["status"]["conditions"][1]["lastTransitionTime"] == "2026-01-03T00:00:00Z");
}

}  // namespace target_krkn
