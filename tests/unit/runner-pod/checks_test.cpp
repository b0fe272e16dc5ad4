#include "checks.hpp"

#include <catch2/catch.hpp>

#include "operon/error.hpp"
#include "requests.hpp"

using namespace operon;
using namespace operon::runner_pod;
using namespace runner_pod_test;
using kinds::job_runner::StartRequest;

namespace {

struct Refused {
  std::string field, message;
};

Refused refused(const StartRequest& r) {
  try {
    check_request(r);
  } catch (const Error& e) {
    CHECK(e.code() == Code::failed_precondition);
    return {e.field(), e.what()};
  }
  return {};
}

}  // namespace

TEST_CASE("a request as it should be is taken") {
  auto r = request();
  add_file(r, "a.yaml", "/tmp/a.yaml");
  add_file(r, "b.yaml", "/etc/b.yaml", file_bytes_max);
  CHECK_NOTHROW(check_request(r));
  r.kubeconfig_path.clear();
  CHECK_NOTHROW(check_request(r));
}

TEST_CASE("an image is wanted") {
  auto r = request();
  r.scenario_image = "dir://hello";
  CHECK(refused(r).field == "scenarioImage");
  CHECK(refused(r).message.find("runner-process") != std::string::npos);
  for (const char* const image : {"", "a b", "a\nb", "oci://x"}) {
    r.scenario_image = image;
    CHECK(refused(r).field == "scenarioImage");
  }
}

TEST_CASE("a target without a kubeconfig is named") {
  auto r = request();
  r.target.kubeconfig.reset();
  CHECK(refused(r).field == "clusterName");
  CHECK(refused(r).message.find("'east'") != std::string::npos);
}

TEST_CASE("paths that no file may have") {
  for (const char* const path : {"", "relative", "/", "/a/", "/a/../b", "/a//b", "/./a", "/proc/x", "/sys", "/dev/null", "/tmp", "/a:b",
                                 "/a\nb", "/var/run/secrets/kubernetes.io/serviceaccount/token", "/run/secrets/kubernetes.io/x"}) {
    INFO(path);
    auto r = request();
    add_file(r, "f", path);
    CHECK(refused(r).field == "files[0].mountPath");
    if (*path == '\0') continue;  // the default
    r = request();
    r.kubeconfig_path = path;
    CHECK(refused(r).field == "kubeconfigPath");
  }
  auto r = request();
  add_file(r, "f", "/process");
  add_file(r, "g", "/system");
  CHECK_NOTHROW(check_request(r));
}

TEST_CASE("two files in one place, or one below the other") {
  auto r = request();
  add_file(r, "f", "/a/f");
  add_file(r, "g", "/a/f");
  CHECK(refused(r).field == "files[1].mountPath");
  r = request();
  add_file(r, "f", r.kubeconfig_path);
  CHECK(refused(r).field == "files[0].mountPath");
  r = request();
  add_file(r, "f", "/a");
  add_file(r, "h", "/a-b");
  add_file(r, "g", "/a/g");
  CHECK(refused(r).field == "files[0].mountPath");
}

TEST_CASE("sizes have a limit that is named") {
  auto r = request();
  add_file(r, "big", "/big", file_bytes_max + 1);
  CHECK(refused(r).message.find("921601") != std::string::npos);
  r = request();
  r.environment["LONG"] = std::string(variable_bytes_max - 6, 'x');
  CHECK_NOTHROW(check_request(r));
  r.environment["LONG"] += 'x';
  CHECK(refused(r).field == "environment.LONG");
  r = request();
  for (int i = 0; i < 9; ++i) {
    const auto name = "S" + std::to_string(i);
    r.environment[name] = std::string(120u << 10, 's');
    r.secret_variables.push_back(name);
  }
  CHECK(refused(r).message.find("secret values") != std::string::npos);
}

TEST_CASE("names of variables") {
  for (const char* const name : {"", "1A", "A B", "A=B", "\xc3\xa4"}) {
    auto r = request();
    r.environment[name] = "x";
    CHECK(refused(r).field == "environment");
  }
  auto r = request();
  r.environment["_a.b-C9"] = "x";
  CHECK_NOTHROW(check_request(r));
  r.environment["NUL"] = std::string("a\0b", 3);
  CHECK(refused(r).field == "environment.NUL");
}

TEST_CASE("a job id is part of names") {
  for (const char* const id : {"", "A", "a_b", "-a", "a-", "a/b"}) CHECK_THROWS_AS(check_job_id(id), Error);
  CHECK_THROWS_AS(check_job_id(std::string(64, 'a')), Error);
  CHECK_NOTHROW(check_job_id("1e5e8f3a-0000-4000-8000-000000000001"));
}
