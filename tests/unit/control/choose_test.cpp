#include "core/control/choose.hpp"

#include <catch2/catch.hpp>

#include "operon/error.hpp"
#include "tests/unit/targets/fake_instance.hpp"

using namespace operon;
using namespace operon::control;

namespace {

std::string answer(const std::string&, const test::FakeInstance::Emit&) {
  return "{}";
}

void make_runner(test::FakeInstance& instance) {
  instance.on("operon.job-runner/1", "start", answer);
}

template <typename F>
std::string refusal(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return std::to_string(static_cast<int>(e.code())) + ": " + e.what();
  }
  return "none";
}

}  // namespace

TEST_CASE("the named instance, else the default, else the first") {
  test::FakeDirectory plugins;
  make_runner(*plugins.add("one"));
  make_runner(*plugins.add("two"));
  const auto d = plugins.directory();
  CHECK(choose(d, runner_kind, "two", "one")->name() == "two");
  CHECK(choose(d, runner_kind, "", "two")->name() == "two");
  CHECK(choose(d, runner_kind, "", "")->name() == "one");
}

TEST_CASE("an instance that is unknown, of another kind, or not ready says so") {
  test::FakeDirectory plugins;
  make_runner(*plugins.add("one"));
  plugins.add("registry")->on("operon.scenario-registry/1", "list", answer);
  plugin::InstanceInfo broken;
  broken.name = "broken";
  broken.state = plugin::InstanceState::quarantined;
  plugins.refused.push_back(broken);
  const auto d = plugins.directory();
  CHECK(refusal([&] { choose(d, runner_kind, "tow", ""); }) == "9: runner 'tow' is not configured; known: one");
  CHECK(refusal([&] { choose(d, runner_kind, "registry", ""); }) == "9: runner 'registry' is no job runner; known: one");
  CHECK(refusal([&] { choose(d, runner_kind, "broken", ""); }) == "14: runner 'broken' is quarantined; GET /operon/v1/plugins says why");
  CHECK(refusal([&] { choose(d, runner_kind, "", "gone"); }) == "14: defaults.runner 'gone' is not configured; known: one");
}

TEST_CASE("none at all names what is missing") {
  test::FakeDirectory plugins;
  const auto d = plugins.directory();
  CHECK(refusal([&] { choose(d, runner_kind, "", ""); }) ==
        "14: no job runner is ready: configure an instance of a plugin that offers operon.job-runner/1 under plugins:");
  CHECK(refusal([&] { choose(d, registry_kind, "", ""); }) ==
        "14: no scenario registry is ready: configure an instance of a plugin that offers operon.scenario-registry/1 under plugins:");
}

TEST_CASE("a registry of the request's own goes to an instance that declares adhoc") {
  test::FakeDirectory plugins;
  plugins.add("dir")->on("operon.scenario-registry/1", "list", answer);
  const auto d = plugins.directory();
  CHECK(refusal([&] { choose_adhoc(d, ""); }).substr(0, 3) == "14:");
  CHECK(refusal([&] { choose_adhoc(d, "dir"); }) ==
        "9: registry 'dir' takes no registryUrl and scenarioRepository: leave them out, or name another registry");
  plugins.add("oci", R"({"adhoc":true})")->on("operon.scenario-registry/1", "list", answer);
  CHECK(choose_adhoc(d, "")->name() == "oci");
  CHECK(choose_adhoc(d, "oci")->name() == "oci");
}

TEST_CASE("a runner that cannot take the scenario names the ones that can") {
  test::FakeDirectory plugins;
  make_runner(*plugins.add("process", R"({"accepts":["dir"]})"));
  const auto d = plugins.directory();
  auto& process = *plugins.instances[0];
  CHECK_NOTHROW(require_accepts(d, process, "dir://hello"));
  CHECK(refusal([&] { require_accepts(d, process, "quay.io/a:b"); }) ==
        "9: runner 'process' takes no container images (scenarioImage 'quay.io/a:b'); no configured runner does");
  make_runner(*plugins.add("pod", R"({"accepts":["image"]})"));
  make_runner(*plugins.add("any"));
  CHECK(refusal([&] { require_accepts(d, process, "quay.io/a:b"); }) ==
        "9: runner 'process' takes no container images (scenarioImage 'quay.io/a:b'); runners that do: pod, any");
  CHECK(refusal([&] { require_accepts(d, *plugins.instances[1], "dir://hello"); }) ==
        "9: runner 'pod' takes no dir:// scenarios (scenarioImage 'dir://hello'); runners that do: process, any");
}
