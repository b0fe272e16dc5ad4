#include "core/control/image_rules.hpp"

#include <catch2/catch.hpp>

#include "core/control/image_reference.hpp"
#include "operon/error.hpp"

using namespace operon;
using namespace operon::control;

namespace {

const std::string digest_a = "sha256:" + std::string(64, 'a'), digest_b = "sha256:" + std::string(64, 'b');

std::string parts(const std::string& text) {
  try {
    const auto i = parse_image_reference(text);
    return i.host + " " + i.repository + " " + i.tag + " " + i.digest + " " + i.written;
  } catch (const Error& e) {
    return e.what();
  }
}

bool within(const std::string& image, const std::string& place) {
  return is_within(parse_image_reference(image), place);
}

RunRequest request(const std::string& image, const std::string& digest = {}) {
  RunRequest r;
  r.scenario_image = image;
  r.scenario_digest = digest;
  return r;
}

ScenarioFacts facts(const std::string& digest) {
  ScenarioFacts f;
  f.known = true;
  f.registry = "hub";
  f.digest = digest;
  return f;
}

std::string refusal(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& e) {
    return std::to_string(static_cast<int>(e.code())) + " [" + e.field() + "] " + e.what();
  }
  return "taken";
}

}  // namespace

TEST_CASE("an image reference is read as runtimes read it") {
  CHECK(parts("busybox") == "docker.io library/busybox   busybox");
  CHECK(parts("krkn-chaos/krkn-hub:pod") == "docker.io krkn-chaos/krkn-hub pod  krkn-chaos/krkn-hub");
  CHECK(parts("index.docker.io/busybox") == "docker.io library/busybox   index.docker.io/busybox");
  CHECK(parts("Quay.IO/krkn-chaos/krkn-hub:node-cpu-hog") == "quay.io krkn-chaos/krkn-hub node-cpu-hog  Quay.IO/krkn-chaos/krkn-hub");
  CHECK(parts("localhost:5000/a") == "localhost:5000 a   localhost:5000/a");
  CHECK(parts("localhost:5000") == "docker.io library/localhost 5000  localhost");  // a tag: no slash follows
  CHECK(parts("[::1]:5000/a/b__c:1@" + digest_a) == "[::1]:5000 a/b__c 1 " + digest_a + " [::1]:5000/a/b__c");
}

TEST_CASE("what no runtime would take is no reference") {
  for (const char* text : {"", "/a", "quay.io/", "quay.io//a", "quay.io/../a", "quay.io/a/..", "quay.io/A", "quay.io/a_-b", "quay.io/a___b",
                           "a:", "a:-x", "a@sha256:1", "a@", "quay.io/a@sha256:zz", "quay.io/-a"}) {
    CAPTURE(text);
    CHECK(parts(text).find("is no container image reference: ") == 0);
  }
}

TEST_CASE("an image is within a registry, or a part of it, by whole names") {
  CHECK(within("quay.io/krkn-chaos/krkn-hub:x", "quay.io"));
  CHECK(within("QUAY.io/krkn-chaos/krkn-hub:x", "quay.io/krkn-chaos/"));
  CHECK(within("quay.io/krkn-chaos/krkn-hub", "quay.io/krkn-chaos/krkn-hub"));
  CHECK(within("busybox", "docker.io/library"));
  CHECK_FALSE(within("quay.io/krkn-chaos-evil/x", "quay.io/krkn-chaos"));
  CHECK_FALSE(within("quay.io.evil.org/krkn-chaos/x", "quay.io"));
  CHECK_FALSE(within("evil.org/quay.io/krkn-chaos/x", "quay.io/krkn-chaos"));
  CHECK_FALSE(within("quay.io:5000/krkn-chaos/x", "quay.io"));
  CHECK_FALSE(within("quay.io/krkn-chaos", "quay.io/krkn-chaos/krkn-hub"));
}

TEST_CASE("Docker Hub's own repositories, by the short names that a request may give its registry") {
  const auto allowed = [](const char* place, const char* host, const char* repository) {
    return refusal([&] {
             require_allowed({{place}, false}, kinds::scenario_registry::AdhocRegistry{host, repository, "", "", ""});
           }) == "taken";
  };
  CHECK(allowed("docker.io/library", "index.docker.io", "busybox"));
  CHECK_FALSE(allowed("docker.io/busybox", "docker.io", "busybox"));
  CHECK(allowed("docker.io/team", "docker.io", "team/x"));
  CHECK(allowed("quay.io/busybox", "quay.io", "busybox"));
}

TEST_CASE("only images of the registries that are listed may run") {
  const ImageRules rules{{"quay.io/krkn-chaos", "localhost:5000"}, false};
  const auto said = [&](const std::string& image) { return refusal([&] { require_allowed(rules, request(image)); }); };
  CHECK(said("quay.io/krkn-chaos/krkn-hub:x") == "taken");
  CHECK(said("localhost:5000/any:x@" + digest_a) == "taken");
  CHECK(said("dir://hello") == "taken");
  CHECK(said("evil.org/x:1") ==
        "9 [scenarioImage] scenarioImage 'evil.org/x:1' is of no registry that this host may run images of; scenarios.allowed_registries "
        "lists "
        "quay.io/krkn-chaos, localhost:5000");
  CHECK(said("quay.io/krkn-chaos/../evil") ==
        "9 [scenarioImage] scenarioImage 'quay.io/krkn-chaos/../evil' is no container image reference: each part of its name begins and "
        "ends with a "
        "lower-case letter or digit");
  CHECK(refusal([&] { require_allowed({}, request("evil.org/x:1")); }) == "taken");
}

TEST_CASE("an image runs by the digest that its registry tells, where that is wanted") {
  const ImageRules pin{{}, true}, free;
  CHECK(image_to_run(free, request("r.io/a:1"), facts(digest_a)) == "r.io/a:1");
  CHECK(image_to_run(pin, request("r.io/a:1"), facts(digest_a)) == "r.io/a@" + digest_a);
  CHECK(image_to_run(free, request("r.io/a:1", digest_a), facts(digest_a)) == "r.io/a@" + digest_a);
  CHECK(image_to_run(pin, request("r.io/a:1"), facts("")) == "r.io/a:1");
  CHECK(image_to_run(pin, request("r.io/a@" + digest_b), facts(digest_b)) == "r.io/a@" + digest_b);
  CHECK(image_to_run(pin, request("dir://hello", "sha256:1"), facts("sha256:1")) == "dir://hello");
  CHECK(refusal([&] { image_to_run(pin, request("r.io/a:1"), facts("latest")); }) ==
        "14 [] registry 'hub' answered a digest that is none: latest");
}

TEST_CASE("where a list or a pin is in force, an image runs by its full name: runtimes differ about short ones") {
  const ImageRules pin{{}, true}, list{{"docker.io", "r.io"}, false}, free;
  CHECK(image_to_run(free, request("busybox"), facts(digest_a)) == "busybox");
  CHECK(image_to_run(list, request("busybox"), facts(digest_a)) == "docker.io/library/busybox");
  CHECK(image_to_run(list, request("foo/bar:1"), facts("")) == "docker.io/foo/bar:1");
  CHECK(image_to_run(list, request("R.io/foo/bar:1@" + digest_b), facts("")) == "r.io/foo/bar:1@" + digest_b);
  CHECK(image_to_run(list, request("dir://hello"), facts("")) == "dir://hello");
  CHECK(image_to_run(pin, request("foo/bar:1"), facts(digest_a)) == "docker.io/foo/bar@" + digest_a);
  CHECK(image_to_run(pin, request("foo/bar:1"), facts("")) == "docker.io/foo/bar:1");
  CHECK(image_to_run(free, request("index.docker.io/busybox", digest_a), facts(digest_a)) == "docker.io/library/busybox@" + digest_a);
}

TEST_CASE("what is not what was shown does not run") {
  const auto said = [](const ScenarioFacts& f) { return refusal([&] { image_to_run({}, request("r.io/a:1", digest_a), f); }); };
  const std::string shown = "9 [scenarioDigest] scenarioImage 'r.io/a:1' was shown with scenarioDigest " + digest_a + ", and ";
  CHECK(said(facts(digest_b)) == shown + "registry 'hub' has " + digest_b + " now: look at the scenario again");
  CHECK(said(facts("")) == shown + "registry 'hub' tells no digest: look at the scenario again");
  ScenarioFacts unknown;
  unknown.why_unknown = "no registry knows this scenario";
  CHECK(said(unknown) == shown + "no registry knows this scenario: look at the scenario again");
}
