#include "objects.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <set>

#include "operon/base64.hpp"
#include "operon/error.hpp"
#include "requests.hpp"
#include "text.hpp"

using namespace operon;
using namespace operon::runner_pod;
using namespace runner_pod_test;
using nlohmann::json;

namespace {

json golden(const char* name) {
  std::ifstream file(std::string(std::getenv("OPERON_SOURCE_DIR")) + "/tests/unit/runner-pod/golden/" + name);
  return json::parse(file);
}

json all(const JobObjects& objects) {
  json list = json::array();
  for (const auto* some : {&objects.parts, &objects.first}) {
    for (const auto& part : *some) list.push_back(part.body);
  }
  list.push_back(objects.pod.body);
  return list;
}

const Object& part(const JobObjects& objects, const std::string& name) {
  for (const auto* some : {&objects.first, &objects.parts}) {
    for (const auto& one : *some) {
      if (one.name() == name) return one;
    }
  }
  throw std::runtime_error("no " + name);
}

}  // namespace

TEST_CASE("a run with all that there can be is made of these objects") {
  auto r = request();
  add_file(r, "plan.yaml", "/etc/plan.yaml");
  add_file(r, "blob.bin", "/etc/blob.bin");
  r.pull = kinds::job_runner::PullCredentials{"registry.example", "team/scenarios", "robot", "s3cret", "", false, false};
  const auto made = make_objects({}, r, {"a: 1", "\xff\x01\x02"});
  INFO(all(made).dump(2));
  CHECK(all(made) == golden("full.json"));
}

TEST_CASE("objects are shown in the order in which they are made, with Secrets that can be read") {
  auto r = request();
  add_file(r, "plan.yaml", "/etc/plan.yaml");
  r.pull = kinds::job_runner::PullCredentials{"registry.example", "team/scenarios", "robot", "***", "", false, false};
  Configuration c;
  c.kubeconfig_in_secret = true;
  r.target.kubeconfig = "***";
  const auto shown = shown_objects(make_objects(c, r, {"(4 bytes, sha256 ab)"}));
  std::vector<std::string> kinds;
  for (const auto& object : shown) kinds.push_back(object.at("kind"));
  CHECK(kinds.front() == "Secret");  // the pull secret
  CHECK(kinds.back() == "Pod");
  CHECK(shown[0].at("stringData").at(".dockerconfigjson") ==
        json({{"auths", {{"registry.example", {{"auth", base64_encode("robot:***")}}}}}}).dump());
  CHECK(shown[1].at("stringData") == json({{"config", "***"}}));
  for (const auto& object : shown) CHECK((object["kind"] != "Secret" || !object.contains("data")));
}

TEST_CASE("a pod needs all of its parts, and of other things only what is its job's") {
  auto r = request();
  add_file(r, "plan.yaml", "/etc/plan.yaml");
  r.pull = kinds::job_runner::PullCredentials{"registry.example", "team/scenarios", "robot", "s3cret", "", false, false};
  Configuration c;
  for (const bool secret : {false, true}) {
    c.kubeconfig_in_secret = secret;
    const auto made = make_objects(c, r, {"a: 1"});
    std::set<std::pair<std::string, std::string>> parts;
    for (const auto* some : {&made.first, &made.parts}) {
      for (const auto& one : *some) parts.emplace(one.resource, one.name());
    }
    CHECK(parts.size() == 4);
    auto pod = made.pod.body;  // as a server with admission rules of its own has it
    pod["spec"]["imagePullSecrets"].push_back({{"name", "everybodys"}});
    pod["spec"]["volumes"].push_back({{"name", "ca"}, {"configMap", {{"name", "kube-root-ca.crt"}}}});
    CHECK(needed_parts(pod) == parts);
  }
}

TEST_CASE("what a pod does not wait for is there before it") {
  auto r = request();
  r.pull = kinds::job_runner::PullCredentials{"registry.example", "team/scenarios", "robot", "s3cret", "", false, false};
  const auto made = make_objects({}, r, {});
  REQUIRE(made.first.size() == 1);
  CHECK(made.first[0].name() == made.pod.name() + "-registry");
  CHECK(made.pod.body["spec"].dump().find("optional") == std::string::npos);
}

TEST_CASE("what is configured is in the objects") {
  Configuration c;
  c.kubeconfig_in_secret = true;
  c.service_account = "mine";
  c.automount_token = true;
  c.image_pull_policy = "IfNotPresent";
  c.active_deadline_seconds = 77;
  c.resources = {{"limits", {{"memory", "64Mi"}}}};
  c.capabilities = {"NET_ADMIN"};
  c.node_selector = {{"role", "chaos"}};
  c.tolerations = json::array({{{"operator", "Exists"}}});
  auto r = request();
  r.timeout_seconds = 0;
  r.environment.clear();
  r.kubeconfig_path.clear();
  r.owner = kinds::job_runner::Owner{"operon.dev/v1alpha1", "Run", "krkn-job-1", "u-1"};
  const auto made = make_objects(c, r, {});
  INFO(all(made).dump(2));
  CHECK(all(made) == golden("configured.json"));
}

TEST_CASE("no secret value stands outside of a Secret") {
  auto r = request();
  r.pull = kinds::job_runner::PullCredentials{"registry.example", "team/scenarios", "", "", "t0ken", false, false};
  const auto made = make_objects({}, r, {});
  const auto pod = made.pod.body.dump();
  CHECK(pod.find("hunter2") == std::string::npos);
  CHECK(pod.find("t0ken") == std::string::npos);
  for (const auto& one : made.parts) {
    if (one.resource != "secrets") CHECK(one.body.dump().find("hunter2") == std::string::npos);
  }
  const auto& login = part(made, made.pod.name() + "-registry").body["data"][".dockerconfigjson"];
  CHECK(login == base64_encode(R"({"auths":{"registry.example":{"auth":")" + base64_encode("<token>:t0ken") + R"("}}})"));
}

TEST_CASE("a registry without credentials makes no pull secret") {
  auto r = request();
  r.pull = kinds::job_runner::PullCredentials{"registry.example", "team/scenarios", "", "", "", false, false};
  const auto made = make_objects({}, r, {});
  CHECK_FALSE(made.pod.body["spec"].contains("imagePullSecrets"));
}

TEST_CASE("files whose names become the same are told apart") {
  auto r = request();
  const std::vector<std::string> names = {"a.b", "a-b", "A b", "a.b", std::string(80, 'z'), std::string(81, 'z')};
  for (size_t i = 0; i < names.size(); ++i) add_file(r, names[i], "/f" + std::to_string(i));
  const auto made = make_objects({}, r, {"0", "1", "2", "3", "4", "5"});
  std::set<std::string> seen;
  for (const auto& one : made.parts) {
    CHECK(seen.insert(one.name()).second);
    CHECK(one.name().size() <= 253);
  }
  const auto& mounts = made.pod.body["spec"]["containers"][0]["volumeMounts"];
  for (size_t i = 0; i < names.size(); ++i) {
    const auto& volume = made.pod.body["spec"]["volumes"][i + 1];
    const auto& map = part(made, volume["configMap"]["name"]).body["data"];
    CHECK(map == json{{mounts[i + 1]["subPath"].get<std::string>(), std::to_string(i)}});
    CHECK(mounts[i + 1]["mountPath"] == "/f" + std::to_string(i));
  }
}

TEST_CASE("labels are legal and annotations exact") {
  auto r = request();
  r.scenario_name = "a scenario, with " + std::string(80, 'x');
  r.target.cluster_name = "https://Cluster\xc3\xa4";
  const auto made = make_objects({}, r, {});
  const auto& meta = made.pod.body["metadata"];
  CHECK(meta["annotations"]["operon.dev/scenario-name"] == r.scenario_name);
  CHECK(meta["annotations"]["operon.dev/cluster-name"] == r.target.cluster_name);
  CHECK(meta["labels"]["krkn-scenario-name"] == label_value(r.scenario_name));
  CHECK(meta["labels"]["krkn-cluster-name"].get<std::string>().size() <= 63);
}

TEST_CASE("a pod that would be too large names the environment") {
  auto r = request();
  for (int i = 0; i < 12; ++i) r.environment["V" + std::to_string(i)] = std::string(127u << 10, 'v');
  try {
    make_objects({}, r, {});
    FAIL("taken");
  } catch (const Error& e) {
    CHECK(e.field() == "environment");
    CHECK(e.code() == Code::failed_precondition);
  }
}
